#include "emulator/exec/access_faults.hpp"

#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <cstdio>

namespace rackproof::emulator::exec {
namespace {

[[noreturn]] void misaligned(const char* space, AccessType type, std::uint32_t bytes,
                             std::uint64_t address, std::uint32_t lane) {
  throw FaultRaised(Fault::Kind::misaligned_address, lane,
                    std::string(space) + " " + verb(type) + " of " + std::to_string(bytes) +
                        " bytes at " + hex(address) + " is not aligned to its size");
}

}  // namespace

const char* verb(AccessType type) {
  switch (type) {
    case AccessType::read:
      return "read";
    case AccessType::write:
      return "write";
    default:
      return "atomic access";
  }
}

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

void check_alignment(const char* space, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                     const Addresses& addresses) {
  if ((addresses.bits & (bytes - 1)) == 0) [[likely]] {
    return;
  }
  for_each_lane(lanes, [&](std::uint32_t lane) {
    if ((addresses.value[lane] & (bytes - 1)) != 0) {
      misaligned(space, type, bytes, addresses.value[lane], lane);
    }
  });
}

}  // namespace rackproof::emulator::exec
