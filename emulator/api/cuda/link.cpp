// Driver: linking at run time (cuLink*).

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/api/cuda/jit_log.hpp"
#include "emulator/engine/link_session.hpp"

#include <cuda.h>

#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;

namespace {

struct LinkState {
  api::JitLog log;
  engine::LinkSession session;
};

struct LinkStates {
  std::mutex mutex;
  std::set<LinkState*> all;
};
LinkStates& states() {
  static auto* const instance = new LinkStates;  // outlives main(), like the core
  return *instance;
}

template <typename Body>
CUresult with_state(const char* name, CUlinkState handle, Body&& body) {
  return driver_call(name, [&](Core&) {
    auto* const state = reinterpret_cast<LinkState*>(handle);
    const std::scoped_lock lock(states().mutex);
    if (!states().all.contains(state)) {
      return cudaErrorInvalidResourceHandle;
    }
    const cudaError_t error = std::forward<Body>(body)(*state);
    if (error != cudaSuccess) {
      state->log.report(state->session.problem());
    }
    return error;
  });
}

cudaError_t add(LinkState& state, CUjitInputType type, const void* data, std::size_t bytes,
                const char* given_name) {
  const std::string name = given_name == nullptr ? "" : given_name;
  if (type == CU_JIT_INPUT_PTX) {
    std::string text(static_cast<const char*>(data), bytes);
    text.resize(text.find_last_not_of('\0') + 1);
    return state.session.add_ptx(name, std::move(text));
  }
  return type == CU_JIT_INPUT_FATBINARY
             ? state.session.add_fatbin(name, data)
             : state.session.fail(
                   cudaErrorNotSupported,
                   "the emulator links PTX and fatbins with PTX, not machine code: " + name);
}

}  // namespace

extern "C" {

CUresult cuLinkCreate(unsigned option_count, CUjit_option* options, void** values,
                      CUlinkState* handle) {
  return driver_call("cuLinkCreate", [&](Core&) {
    auto state = std::make_unique<LinkState>();
    state->log = api::JitLog(option_count, options, values);
    state->log.report("");
    const std::scoped_lock lock(states().mutex);
    states().all.insert(state.get());
    *handle = reinterpret_cast<CUlinkState>(state.release());
    return cudaSuccess;
  });
}
CUresult cuLinkAddData(CUlinkState handle, CUjitInputType type, void* data, std::size_t bytes,
                       const char* name, unsigned /*option_count*/, CUjit_option* /*options*/,
                       void** /*values*/) {
  return with_state("cuLinkAddData", handle, [&](LinkState& state) {
    return data == nullptr ? cudaErrorInvalidValue : add(state, type, data, bytes, name);
  });
}
CUresult cuLinkAddFile(CUlinkState handle, CUjitInputType type, const char* path,
                       unsigned /*option_count*/, CUjit_option* /*options*/, void** /*values*/) {
  return with_state("cuLinkAddFile", handle, [&](LinkState& state) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    const std::string bytes = content.str();
    return stream ? add(state, type, bytes.data(), bytes.size(), path) : cudaErrorFileNotFound;
  });
}
CUresult cuLinkComplete(CUlinkState handle, void** image, std::size_t* bytes) {
  return with_state("cuLinkComplete", handle, [&](LinkState& state) {
    if (const cudaError_t error = state.session.complete(); error != cudaSuccess) {
      return error;
    }
    *image = const_cast<engine::LinkedImage*>(&state.session.image());
    if (bytes != nullptr) {
      *bytes = sizeof(engine::LinkedImage);
    }
    return cudaSuccess;
  });
}
CUresult cuLinkDestroy(CUlinkState handle) {
  return with_state("cuLinkDestroy", handle, [](LinkState& state) {
    states().all.erase(&state);
    delete &state;
    return cudaSuccess;  // nothing touches the state behind a success
  });
}

}  // extern "C"
