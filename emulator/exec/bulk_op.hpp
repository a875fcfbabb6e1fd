#pragma once
/// One decoded instruction of the bulk family: cp.async.bulk, cp.reduce.async.bulk, their tensor
/// forms and prefetches, st.async and red.async.

#include "emulator/exec/handlers.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/ptx/types.hpp"

#include <array>
#include <cstdint>

namespace rackproof::emulator::exec {

/// [register + offset]: where an address comes from.
struct AddressSource {
  Ref base = kNoRef;
  std::int64_t offset = 0;
  bool is_wide = false;  ///< the register has 8 bytes a lane
};

struct BulkOp {
  enum class Direction : std::uint8_t {
    global_to_shared,
    shared_to_shared,  ///< of any CTA of the cluster
    shared_to_global,
    prefetch
  };
  enum class Mode : std::uint8_t {
    linear,
    tile,
    gather4,
    scatter4,
    im2col,
    im2col_w,
    im2col_w_128
  };
  Direction direction = Direction::global_to_shared;
  Mode mode = Mode::linear;
  std::uint8_t dimensions = 0;
  std::uint8_t cta_group = 0;  ///< 0: not given
  bool is_own_shared = false;  ///< the destination is shared::cta
  bool is_reduction = false;
  AtomicOp reduction = AtomicOp::add;
  ptx::Type type = ptx::Type::none;  ///< of a linear reduction
  AddressSource destination;         ///< of the shared or global memory
  AddressSource source;
  AddressSource map;       ///< tensor forms: generic address of the tensor map
  AddressSource barrier;   ///< base kNoRef: a bulk group
  Ref size = kNoRef;       ///< linear: bytes
  Ref byte_mask = kNoRef;  ///< .cp_mask
  Ref cta_mask = kNoRef;   ///< .multicast::cluster
  std::array<Ref, 5> coordinates{kNoRef, kNoRef, kNoRef, kNoRef, kNoRef};
  std::array<Ref, 3> offsets{kNoRef, kNoRef, kNoRef};  ///< im2col; im2col::w: wHalo, wOffset
};

// ops_bulk.cpp. immediate: index in DecodedKernel::bulk.
void bulk_copy(LaneContext& lanes, const Op& op, std::uint32_t mask);
void bulk_commit(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// immediate: groups that may be pending; mode 1: .read.
void bulk_wait(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// st.async and red.async: a + immediate: destination; list: data registers of `size` bytes;
/// b + d: the mbarrier; mode bit 0: 64-bit mbarrier address; c: 1 + AtomicOp of red.async, or 0;
/// flags: signed.
void store_async(LaneContext& lanes, const Op& op, std::uint32_t mask);

}  // namespace rackproof::emulator::exec
