#pragma once
/// Handlers that need more than registers: memory, warp, control and matrix instructions.
/// Each comment says which Op fields it reads beside dst, a, b, c and guard.

#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/exec/windows.hpp"
#include "emulator/ptx/module.hpp"

#include <cstdint>

namespace rackproof::emulator::exec {

/// Bits of Op::mode for memory instructions.
namespace memory_mode {
inline constexpr std::uint8_t kSignExtend = 1;
inline constexpr std::uint8_t kWideRegisters = 2;  ///< data registers have 8 bytes a lane
inline constexpr std::uint8_t kHalfRegisters = 4;  ///< data registers have 16 bits
inline constexpr std::uint8_t kWideAddress = kWideAddressMode;
}  // namespace memory_mode

// ops_memory.cpp. a + immediate: address; list: data registers; size, mode, space.
void load(LaneContext& lanes, const Op& op, std::uint32_t mask);
void store(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// st.bulk: b: bytes to fill with zeros (rows of `size` bytes a lane); shared memory.
void fill_shared(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// dst (size bytes) = the address of a .local variable: immediate past the running frame.
void local_address(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// ld.param and st.param of a function's own .param variables: a is the variable's offset, c its
/// stride, immediate the offset inside.
void load_frame(LaneContext& lanes, const Op& op, std::uint32_t mask);
void store_frame(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// mov between a register and a vector of its parts, 16 bytes in all at most: size: bytes of a
/// part; list: parts.
void pack_register(LaneContext& lanes, const Op& op, std::uint32_t mask);
void unpack_register(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// isspacep: dst predicate, space.
void is_space(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// prefetch, discard, applypriority, createpolicy and proxy fences: nothing to do here.
void no_operation(LaneContext& lanes, const Op& op, std::uint32_t mask);

/// Of special registers: it reads %clock, %clock64 or %globaltimer.
[[nodiscard]] bool reads_time(Handler handler);

/// membar, fence: scope.
void fence_memory(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// fence.proxy.async; mode: 1 for shared memory, 2 for global, 3 for both.
void fence_proxy(LaneContext& lanes, const Op& op, std::uint32_t mask);
void fence_mbarrier_init(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_atomic.cpp. a + immediate: address; b, c: operands; dst may be kNoRef.
enum class AtomicOp : std::uint8_t { add, exch, cas, min, max, inc, dec, and_, or_, xor_ };
[[nodiscard]] Handler atomic_handler(AtomicOp op, ptx::Type type);

// ops_async.cpp. dst + d: shared address (mode bit 6: 64-bit), a + immediate: global address;
// size: bytes; b: source size or kNoRef; c: ignore-src predicate or kNoRef.
void copy_async(LaneContext& lanes, const Op& op, std::uint32_t mask);
void copy_async_commit(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// immediate: groups that may stay in flight; -1: wait_all.
void copy_async_wait(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_mbarrier.cpp. a + immediate: address of the object; low bits of mode as below.
enum class MbarrierArrival : std::uint8_t {
  arrive,
  no_complete,
  expect_tx,
  drop,
  drop_no_complete,
  drop_expect_tx
};
inline constexpr std::uint8_t kMbarrierKindMask = 0x7;
inline constexpr std::uint8_t kMbarrierLocal = 8;     ///< not on mbarriers of other CTAs
inline constexpr std::uint8_t kMbarrierParity = 1;    ///< of test: b is a parity, not a state
inline constexpr std::uint8_t kMbarrierBlocking = 2;  ///< of test: try_wait
/// b: count.
void mbarrier_init(LaneContext& lanes, const Op& op, std::uint32_t mask);
void mbarrier_invalidate(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// b: count or transactions, or kNoRef; dst: the state before, or kNoRef; mode: MbarrierArrival.
void mbarrier_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// b: count; mode 0 expect_tx, 1 complete_tx.
void mbarrier_transactions(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// dst predicate; b: state or parity.
void mbarrier_test(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// a: a state.
void mbarrier_pending(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// cp.async.mbarrier.arrive; mode 1: .noinc.
void copy_async_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_warp.cpp
/// shfl.sync: a value, b lane, c clamp, d members, list[0] the result predicate or kNoRef;
/// mode 0 up, 1 down, 2 bfly, 3 idx.
void shuffle(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// vote.sync: a predicate, b members; mode 0 all, 1 any, 2 uni, 3 ballot.
void vote(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// match.sync: a value (size 4 or 8), b members; mode 0 any, 1 all; d: predicate or kNoRef.
void match(LaneContext& lanes, const Op& op, std::uint32_t mask);
void active_mask(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// redux.sync: a value, b members; mode: ReduxOp.
enum class ReduxOp : std::uint8_t {
  add,
  min_u32,
  max_u32,
  min_s32,
  max_s32,
  and_,
  or_,
  xor_,
  min_f32,
  max_f32
};
void redux(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// elect.sync: dst leader, d predicate, a members.
void elect(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// bar.warp.sync: a members.
void warp_barrier(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_barrier.cpp. a: barrier, b: threads or kNoRef; c: predicate; mode: BarrierReduction.
void barrier_sync(LaneContext& lanes, const Op& op, std::uint32_t mask);
void barrier_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_cluster.cpp
/// barrier.cluster.arrive; mode 1: .relaxed.
void cluster_arrive(LaneContext& lanes, const Op& op, std::uint32_t mask);
void cluster_wait(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// mapa: dst the address a in CTA rank b; size 4 or 8; space: generic or shared_cluster.
void map_address(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// getctarank: dst the rank of address a.
void rank_of_address(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_tensor_map.cpp
enum class TensorMapField : std::uint8_t {
  global_address,
  rank,
  box_dim,
  global_dim,
  global_stride,
  element_stride,
  elemtype,
  interleave_layout,
  swizzle_mode,
  swizzle_atomicity,
  fill_mode
};
inline constexpr std::uint8_t kTensorMapFields = 11;
/// a + immediate: address; b: value of `size` bytes; c: dimension; d: TensorMapField.
void replace_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// fence.proxy.tensormap::generic; c 0: .release; 1: .acquire of a + immediate; d: reach of its
/// scope.
void fence_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// a + immediate: global address; b + d: shared address of `size` bytes; c: reach of its scope.
void copy_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_launch_control.cpp
/// a + immediate: response; b + d: mbarrier, an address of `size` bytes; c: 1 for all CTAs.
void launch_control_cancel(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// a: handle; list: results; mode: 0 is_canceled, 1 v4, 2 to 4 x, y, z.
void launch_control_query(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_control.cpp
void branch(LaneContext& lanes, const Op& op, std::uint32_t mask);          ///< immediate: target
void branch_indexed(LaneContext& lanes, const Op& op, std::uint32_t mask);  ///< a, immediate: table
void call(LaneContext& lanes, const Op& op, std::uint32_t mask);  ///< immediate: call site
void return_(LaneContext& lanes, const Op& op, std::uint32_t mask);
void exit_(LaneContext& lanes, const Op& op, std::uint32_t mask);
void trap(LaneContext& lanes, const Op& op, std::uint32_t mask);
void breakpoint(LaneContext& lanes, const Op& op, std::uint32_t mask);
void nanosleep(LaneContext& lanes, const Op& op, std::uint32_t mask);
void launch_dependents(LaneContext& lanes, const Op& op, std::uint32_t mask);
void await_grids(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// setmaxnreg: immediate: registers a thread; mode: 1 .dec, 0 .inc.
void set_registers(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// Stands before an instruction by which CTAs communicate: its CTA waits for the serial phase.
void serial_gate(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_special.cpp
/// dst = special register; nullptr if it has none of that name. `bytes` of the register: 4 or 8.
[[nodiscard]] Handler special_register_handler(std::string_view name, std::uint32_t& bytes,
                                               std::int64_t& immediate);

// ops_matrix.cpp
/// Op::mode of ldmatrix and stmatrix.
namespace matrix_mode {
inline constexpr std::uint8_t kTransposed = 1;
inline constexpr std::uint8_t kBytes = 2;     ///< m16n16 (load) and m16n8 (store), 8-bit elements
inline constexpr std::uint8_t kSixBits = 4;   ///< .b6x16_p32: 6-bit elements become bytes
inline constexpr std::uint8_t kFourBits = 8;  ///< .b4x16_p64
}  // namespace matrix_mode
/// ldmatrix: a + immediate address, list: registers; mode: matrix_mode.
void load_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask);
void store_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask);
void move_matrix(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_mma.cpp: mma.sync and wmma.mma. immediate: MmaSpec; list: D, A, B, C registers in this order.
/// f16, bf16, tf32 and fp8.
void matrix_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// mma.m8n8k4 with f16, ops_mma_quads.cpp.
void matrix_multiply_quads(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// mma.sp, ops_mma_sparse.cpp: the metadata behind C; d: selector, 4 for ordered metadata.
void matrix_multiply_sparse(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// Integers, single bits and f64.
void matrix_multiply_exact(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_wgmma.cpp. multiply: immediate WgmmaSpec, list: D and A registers, a, b: descriptors, c:
// scale-d, d: metadata; wait: immediate; watch: immediate RegisterAccesses.
void wgmma_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask);
void wgmma_fence(LaneContext& lanes, const Op& op, std::uint32_t mask);
void wgmma_commit(LaneContext& lanes, const Op& op, std::uint32_t mask);
void wgmma_wait(LaneContext& lanes, const Op& op, std::uint32_t mask);
void wgmma_watch(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_video.cpp. a, b, c or kNoRef; list: index in DecodedKernel::video.
void video(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// cvt.pack: size: bits of an element; mode: signed.
void convert_pack(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_wmma.cpp: wmma.load and wmma.store. a + immediate: address; b: stride in elements or kNoRef;
// list: registers, then scratch rows of 8 and 4 bytes; d: FragmentSpec.
void load_fragment(LaneContext& lanes, const Op& op, std::uint32_t mask);
void store_fragment(LaneContext& lanes, const Op& op, std::uint32_t mask);

// ops_tcgen05_*.cpp. immediate: index in DecodedKernel::tensor.
/// a + (signed) d: address of the result in `space`; b: columns.
void tensor_allocate(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// a: address, b: columns.
void tensor_deallocate(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_relinquish(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_load(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// tensor_tracking.cpp. list: the tcgen05.ld (TensorInstruction::load) that must not be under way.
void tensor_check_registers(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_store(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_wait_load(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_wait_store(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_fence_before(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_fence_after(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_copy(LaneContext& lanes, const Op& op, std::uint32_t mask);
void tensor_shift(LaneContext& lanes, const Op& op, std::uint32_t mask);
/// a + (signed) d: address of the mbarrier in `space`.
void tensor_commit(LaneContext& lanes, const Op& op, std::uint32_t mask);

}  // namespace rackproof::emulator::exec
