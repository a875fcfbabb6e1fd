#pragma once
/// Messages and checks that all state spaces share.

#include "emulator/exec/memory_access.hpp"

#include <cstdint>
#include <string>

namespace rackproof::emulator::exec {

[[nodiscard]] const char* verb(AccessType type);
[[nodiscard]] std::string hex(std::uint64_t value);
/// Throws FaultRaised for the first lane whose address is no multiple of `bytes`.
void check_alignment(const char* space, AccessType type, std::uint32_t bytes, std::uint32_t lanes,
                     const Addresses& addresses);
/// The shared-memory part of resolve().
void resolve_shared(Warp& warp, const Op& op, AccessType type, std::uint32_t bytes,
                    std::uint32_t lanes, Addresses& addresses);

}  // namespace rackproof::emulator::exec
