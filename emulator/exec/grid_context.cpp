#include "emulator/exec/grid_context.hpp"

#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/fault.hpp"

namespace rackproof::emulator::exec {
namespace {

std::string describe(const memory::Allocation& allocation) {
  const char* kind = "device";
  switch (allocation.kind) {
    case memory::Kind::device:
      kind = "device";
      break;
    case memory::Kind::pinned_host:
      kind = "pinned host";
      break;
    case memory::Kind::managed:
      kind = "managed";
      break;
    case memory::Kind::module_global:
      kind = "module global";
      break;
    case memory::Kind::peer_import:
      kind = "peer";
      break;
  }
  return "allocation " + std::to_string(allocation.id) + " (" +
         std::to_string(allocation.size_bytes) + " bytes at " + hex(allocation.base) + ", " + kind +
         " memory of device " + std::to_string(allocation.device) + ")";
}

}  // namespace

std::string GridContext::describe_address(std::uint64_t address) const {
  const auto hit = addresses->find(static_cast<std::uintptr_t>(address));
  return hit ? "byte " + std::to_string(address - hit->base) + " of " + describe(*hit)
             : std::string("no allocation");
}

void GridContext::refresh() {
  const auto now = addresses->generation();
  if (now != cached_generation_) {
    cached_generation_ = now;
    // Without bounds every address but null will do.
    last_hit_.fill(config.checks.bounds ? Range{} : Range{1, ~std::uint64_t{0}});
    recent_.fill({});
  }
}

void GridContext::look_up(std::uint64_t address, std::uint64_t bytes, std::uint32_t lane,
                          const char* what, std::uint32_t site) {
  if (!config.checks.bounds && address != 0) {
    return;
  }
  for (const Range& range : recent_) {
    if (address >= range.low && address + bytes <= range.high) {
      last_hit_[site % last_hit_.size()] = range;
      return;
    }
  }
  const auto hit = addresses->find(static_cast<std::uintptr_t>(address));
  if (hit && !hit->freed && address - hit->base + bytes <= hit->size_bytes) {
    if (hit->needs_peer_access && hit->device != config.device &&
        (config.peers >> hit->device & 1U) == 0) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
                            hex(address) + " in " + describe(*hit) + ": device " +
                            std::to_string(config.device) +
                            " has not enabled access to that peer (cudaDeviceEnablePeerAccess)");
    }
    if ((hit->accessing_devices >> config.device & 1U) == 0) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
                            hex(address) + " in " + describe(*hit) + ": device " +
                            std::to_string(config.device) +
                            " was not given access to it (cuMemSetAccess, cudaMemPoolSetAccess)");
    }
    const Range range{hit->base, hit->base + hit->size_bytes};
    last_hit_[site % last_hit_.size()] = range;
    recent_[next_recent_++ % recent_.size()] = range;
    return;
  }
  const std::string access =
      std::string(what) + " of " + std::to_string(bytes) + " bytes at " + hex(address);
  if (hit && hit->freed) {
    throw FaultRaised(Fault::Kind::use_after_free, lane,
                      access + ": " + describe(*hit) + " was freed");
  }
  std::string message = access + " is outside any allocation";
  if (const auto nearest =
          hit ? hit : addresses->find_nearest(static_cast<std::uintptr_t>(address))) {
    const auto end = nearest->base + nearest->size_bytes;
    message += address < nearest->base
                   ? ", " + std::to_string(nearest->base - address) + " bytes before "
               : address >= end ? ", " + std::to_string(address - end) + " bytes past the end of "
                                : ", running past the end of ";
    message += describe(*nearest);
    message += nearest->freed ? ", freed" : "";
  }
  throw FaultRaised(Fault::Kind::illegal_address, lane, message);
}

}  // namespace rackproof::emulator::exec
