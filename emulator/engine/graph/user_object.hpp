#pragma once
/// Reference-counted objects of the program that graphs keep alive (cudaUserObject_t).

#include <cuda_runtime_api.h>

#include <memory>

namespace rackproof::emulator::engine::graph {

class UserObject;

/// Some references to one object, released together.
class UserObjectReference {
 public:
  UserObjectReference() = default;
  /// Takes over `count` references that exist already.
  UserObjectReference(UserObject* object, unsigned count) : object_(object), count_(count) {}
  UserObjectReference(const UserObjectReference& other);
  UserObjectReference(UserObjectReference&& other) noexcept;
  UserObjectReference& operator=(UserObjectReference other) noexcept;
  ~UserObjectReference();
  [[nodiscard]] const UserObject* object() const { return object_; }
  [[nodiscard]] unsigned count() const { return count_; }
  /// Gives back some of them; false: there are not so many.
  bool release(unsigned count);

 private:
  UserObject* object_ = nullptr;
  unsigned count_ = 0;
};

cudaError_t create_user_object(void* data, cudaHostFn_t destroy, unsigned references,
                               unsigned flags, cudaUserObject_t* object);
cudaError_t retain_user_object(cudaUserObject_t object, unsigned count);
/// The destructor runs on an internal thread when the last reference goes.
cudaError_t release_user_object(cudaUserObject_t object, unsigned count);
[[nodiscard]] UserObject* to_user_object(cudaUserObject_t handle);

}  // namespace rackproof::emulator::engine::graph
