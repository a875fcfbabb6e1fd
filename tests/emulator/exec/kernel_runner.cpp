#include "tests/emulator/exec/kernel_runner.hpp"

#include "emulator/ptx/parser.hpp"

#include <stdexcept>

namespace rackproof::emulator::exec::testing {
namespace {

constexpr std::size_t kAlignment = 256;
// Enough for any test; one that needs more does not end.
constexpr int kMaxSteps = 200;

std::uint64_t next_id() {
  static std::uint64_t id = 1000;
  return id++;
}

}  // namespace

Buffer::Buffer(memory::AddressSpace& addresses, std::size_t size_bytes)
    : addresses_(&addresses), storage_(size_bytes + 2 * kAlignment) {
  const auto raw = reinterpret_cast<std::uintptr_t>(storage_.data());
  data_ = storage_.data() + (kAlignment - raw % kAlignment);
  memory::Allocation allocation;
  allocation.base = reinterpret_cast<std::uintptr_t>(data_);
  allocation.size_bytes = size_bytes;
  allocation.id = next_id();
  addresses.insert(allocation);
}

Buffer::~Buffer() {
  addresses_->retire(reinterpret_cast<std::uintptr_t>(data_));
}

std::string header(const std::string& target) {
  return ".version 9.0\n.target " + target + "\n.address_size 64\n";
}

KernelRunner::KernelRunner(const std::string& text, std::uint32_t architecture) {
  auto module = std::make_shared<ptx::Module>(ptx::parse(text, "test.ptx"));
  config_.block = {32, 1, 1};
  config_.resident_blocks = 8;
  config_.multiprocessors = 4;
  program_ = std::make_unique<Program>(std::move(module), nullptr, architecture, 0, addresses_);
}

Outcome KernelRunner::launch(const std::string& kernel, std::vector<std::byte> parameters) {
  const auto index = program_->find_kernel(kernel);
  if (!index) {
    throw std::runtime_error("no kernel " + kernel);
  }
  config_.parameters = std::move(parameters);
  GridExecution execution(*program_, *index, config_, addresses_);
  Outcome outcome;
  for (int i = 0; i < kMaxSteps && outcome.state == GridState::running; ++i) {
    outcome.state = execution.step(10000);
    if (outcome.state == GridState::stalled) {
      execution.give_up();  // no other grid runs, and no host
      outcome.state = GridState::faulted;
    }
  }
  outcome.fault = execution.fault();
  outcome.counters = execution.counters();
  return outcome;
}

}  // namespace rackproof::emulator::exec::testing
