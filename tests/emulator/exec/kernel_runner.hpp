#pragma once
/// Runs a PTX text on the executor alone: no CUDA, no runtime.

#include "emulator/exec/grid.hpp"
#include "emulator/exec/program.hpp"
#include "emulator/memory/address_space.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec::testing {

/// Device memory of the tests: a registered allocation.
class Buffer {
 public:
  Buffer(memory::AddressSpace& addresses, std::size_t size_bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uint64_t>(data_); }
  template <class T>
  [[nodiscard]] T* as() {
    return reinterpret_cast<T*>(data_);
  }

 private:
  memory::AddressSpace* addresses_;
  std::vector<std::byte> storage_;
  std::byte* data_;
};

struct Outcome {
  GridState state = GridState::running;
  std::optional<Fault> fault;
  GridCounters counters;
};

class KernelRunner {
 public:
  /// `text`: a whole module, or the body of kernel "k" without header if it has no ".version".
  explicit KernelRunner(const std::string& text, std::uint32_t architecture = 80);

  memory::AddressSpace& addresses() { return addresses_; }
  LaunchConfig& config() { return config_; }
  Program& program() { return *program_; }
  /// Packs `arguments` as the kernel's parameters and runs it to its end.
  template <class... Arguments>
  Outcome run(const std::string& kernel, Arguments... arguments) {
    std::vector<std::byte> packed;
    (append(packed, arguments), ...);
    return launch(kernel, std::move(packed));
  }

 private:
  template <class T>
  static void append(std::vector<std::byte>& packed, T value) {
    packed.resize((packed.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T));
    packed.resize(packed.size() + sizeof(T));
    std::memcpy(packed.data() + packed.size() - sizeof(T), &value, sizeof(T));
  }
  Outcome launch(const std::string& kernel, std::vector<std::byte> parameters);

  memory::AddressSpace addresses_;
  LaunchConfig config_;
  std::unique_ptr<Program> program_;
};

/// Head of a module for tests.
[[nodiscard]] std::string header(const std::string& target = "sm_80");

}  // namespace rackproof::emulator::exec::testing
