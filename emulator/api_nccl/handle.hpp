#pragma once
/// What ncclComm_t points to.

#include "emulator/api_nccl/communicator.hpp"

#include <nccl.h>

#include <cstdint>
#include <memory>

struct ncclComm {
  static constexpr std::uint64_t kMagic = 0x72706e63636c636dULL;
  std::uint64_t magic = kMagic;
  std::shared_ptr<rackproof::emulator::api_nccl::CommState> state;
};

namespace rackproof::emulator::api_nccl {

[[nodiscard]] inline bool is_valid(const ncclComm* comm) {
  return comm != nullptr && comm->magic == ncclComm::kMagic;
}

}  // namespace rackproof::emulator::api_nccl
