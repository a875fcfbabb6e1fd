#include "emulator/engine/graph/condition.hpp"

#include <map>
#include <mutex>

namespace rackproof::emulator::engine::graph {
namespace {

struct State {
  std::mutex mutex;
  std::uint64_t next_handle = 1;
  std::map<std::uint64_t, Condition*> conditions;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

}  // namespace

Condition::~Condition() {
  const std::scoped_lock lock(state().mutex);
  state().conditions.erase(handle);
}

std::shared_ptr<Condition> create_condition(std::uint32_t default_value, bool assigns_default) {
  auto condition = std::make_shared<Condition>();
  condition->default_value = default_value;
  condition->assigns_default = assigns_default;
  condition->value = default_value;
  const std::scoped_lock lock(state().mutex);
  condition->handle = state().next_handle++;
  state().conditions[condition->handle] = condition.get();
  return condition;
}

bool set_condition(std::uint64_t handle, std::uint32_t value) {
  const std::scoped_lock lock(state().mutex);
  const auto found = state().conditions.find(handle);
  if (found == state().conditions.end()) {
    return false;
  }
  found->second->value.store(value);
  return true;
}

}  // namespace rackproof::emulator::engine::graph
