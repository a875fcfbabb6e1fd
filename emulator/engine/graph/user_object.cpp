#include "emulator/engine/graph/user_object.hpp"

#include "emulator/engine/core.hpp"

#include <map>
#include <mutex>
#include <utility>

namespace rackproof::emulator::engine::graph {

class UserObject {
 public:
  void* data = nullptr;
  cudaHostFn_t destroy = nullptr;
  unsigned references = 0;
};

namespace {

struct State {
  std::mutex mutex;
  std::map<const UserObject*, std::unique_ptr<UserObject>> objects;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

bool change(UserObject* object, unsigned add, unsigned remove) {
  std::unique_ptr<UserObject> last;
  {
    const std::scoped_lock lock(state().mutex);
    const auto found = state().objects.find(object);
    if (found == state().objects.end() || found->second->references < remove) {
      return false;
    }
    object->references += add;
    object->references -= remove;
    if (object->references == 0) {
      last = std::move(found->second);
      state().objects.erase(found);
    }
  }
  if (last) {
    Core::instance().executor().run_host_function(
        [destroy = last->destroy, data = last->data] { destroy(data); });
  }
  return true;
}

}  // namespace

UserObjectReference::UserObjectReference(const UserObjectReference& other)
    : object_(other.object_), count_(other.object_ != nullptr ? 1 : 0) {
  change(object_, count_, 0);
}
UserObjectReference::UserObjectReference(UserObjectReference&& other) noexcept
    : object_(std::exchange(other.object_, nullptr)), count_(std::exchange(other.count_, 0)) {}
UserObjectReference& UserObjectReference::operator=(UserObjectReference other) noexcept {
  std::swap(object_, other.object_);
  std::swap(count_, other.count_);
  return *this;
}
UserObjectReference::~UserObjectReference() {
  if (object_ != nullptr && count_ != 0) {
    change(object_, 0, count_);
  }
}
bool UserObjectReference::release(unsigned count) {
  if (count > count_) {
    return false;
  }
  count_ -= count;
  return change(object_, 0, count);
}

cudaError_t create_user_object(void* data, cudaHostFn_t destroy, unsigned references,
                               unsigned flags, cudaUserObject_t* object) {
  // The flag is required: there is no other kind (CUDA runtime API, cudaUserObjectCreate).
  if (object == nullptr || destroy == nullptr || references == 0 ||
      flags != cudaUserObjectNoDestructorSync) {
    return cudaErrorInvalidValue;
  }
  auto entry = std::make_unique<UserObject>();
  entry->data = data;
  entry->destroy = destroy;
  entry->references = references;
  *object = reinterpret_cast<cudaUserObject_t>(entry.get());
  const std::scoped_lock lock(state().mutex);
  const UserObject* key = entry.get();
  state().objects.emplace(key, std::move(entry));
  return cudaSuccess;
}

cudaError_t retain_user_object(cudaUserObject_t object, unsigned count) {
  UserObject* entry = to_user_object(object);
  return entry != nullptr && count != 0 && change(entry, count, 0) ? cudaSuccess
                                                                   : cudaErrorInvalidValue;
}

cudaError_t release_user_object(cudaUserObject_t object, unsigned count) {
  UserObject* entry = to_user_object(object);
  return entry != nullptr && count != 0 && change(entry, 0, count) ? cudaSuccess
                                                                   : cudaErrorInvalidValue;
}

UserObject* to_user_object(cudaUserObject_t handle) {
  auto* object = reinterpret_cast<UserObject*>(handle);
  const std::scoped_lock lock(state().mutex);
  return state().objects.contains(object) ? object : nullptr;
}

}  // namespace rackproof::emulator::engine::graph
