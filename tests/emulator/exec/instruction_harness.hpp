#pragma once
/// "Load operands, do one instruction, store": runs an instruction over many operands.

#include "tests/emulator/exec/kernel_runner.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace rackproof::emulator::exec::testing {

/// The kernel around `instruction`: registers %a, %b, %c, %e hold operands of `widths` bytes, %d
/// the result of `result_width` bytes; scratch %t0-%t3 (b32), %u0-%u3 (b64), %h0-%h3 (b16), %q0-%q3
/// (pred). An instruction that writes predicate %p is stored as 0 or 1.
[[nodiscard]] std::string operand_kernel(const std::string& instruction, std::size_t result_width,
                                         const std::vector<std::size_t>& widths,
                                         const std::string& target = "sm_80");

/// One result for each index of the inputs, which have equal lengths.
template <class D, class... In>
std::vector<D> evaluate(const std::string& instruction, std::uint32_t architecture,
                        const std::string& target, const std::vector<In>&... inputs) {
  const std::size_t sizes[] = {inputs.size()...};
  const std::size_t count = sizes[0];
  KernelRunner runner(operand_kernel(instruction, sizeof(D), {sizeof(In)...}, target),
                      architecture);
  Buffer result(runner.addresses(), count * sizeof(D));
  std::vector<std::unique_ptr<Buffer>> buffers;
  const auto upload = [&](const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    buffers.push_back(std::make_unique<Buffer>(runner.addresses(), values.size() * sizeof(T)));
    std::memcpy(buffers.back()->template as<T>(), values.data(), values.size() * sizeof(T));
  };
  (upload(inputs), ...);
  std::uint64_t pointers[4] = {};
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    pointers[i] = buffers[i]->address();
  }
  runner.config().block = {128, 1, 1};
  runner.config().grid = {static_cast<std::uint32_t>((count + 127) / 128), 1, 1};
  const Outcome outcome = runner.run("k", result.address(), pointers[0], pointers[1], pointers[2],
                                     pointers[3], static_cast<std::uint32_t>(count));
  if (outcome.state != GridState::finished) {
    throw std::runtime_error(outcome.fault ? outcome.fault->message : "did not end");
  }
  return std::vector<D>(result.as<D>(), result.as<D>() + count);
}
template <class D, class... In>
std::vector<D> evaluate(const std::string& instruction, const std::vector<In>&... inputs) {
  return evaluate<D>(instruction, 80, "sm_80", inputs...);
}

/// Bit patterns of T: the edges of integers and floats, then random ones, `count` in all.
template <class T>
std::vector<T> patterns(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values;
  constexpr unsigned kBits = 8 * sizeof(T);
  for (unsigned bit = 0; bit < kBits; ++bit) {
    values.push_back(static_cast<T>(std::uint64_t{1} << bit));
    values.push_back(static_cast<T>((std::uint64_t{1} << bit) - 1));
    values.push_back(static_cast<T>(~(std::uint64_t{1} << bit)));
  }
  values.push_back(static_cast<T>(~std::uint64_t{0}));
  std::shuffle(values.begin(), values.end(), random);
  while (values.size() < count) {
    // Small magnitudes as often as full-width ones.
    const auto raw = random();
    values.push_back(static_cast<T>(raw >> (random() % kBits)));
  }
  values.resize(count);
  return values;
}

}  // namespace rackproof::emulator::exec::testing
