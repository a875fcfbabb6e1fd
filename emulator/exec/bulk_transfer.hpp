#pragma once
/// What a bulk instruction moves: rows between global memory and one box of shared memory.

#include "emulator/async/tensor_map.hpp"
#include "emulator/check/tensor_map_order.hpp"
#include "emulator/exec/bulk_op.hpp"
#include "emulator/exec/warp.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace rackproof::emulator::exec {

/// A linear copy is one row of bytes. Elements outside the tensor are filled, or not stored.
struct BulkTransfer {
  struct Row {
    std::uint64_t global = 0;  ///< host address of element `begin`
    std::uint32_t begin = 0;   ///< the elements inside the tensor, of row_elements
    std::uint32_t end = 0;
  };
  std::vector<Row> rows;
  std::uint32_t row_elements = 0;
  std::uint32_t row_shared_bytes = 0;
  async::TensorElement element = async::TensorElement::u8;
  async::TensorSwizzle swizzle = async::TensorSwizzle::none;
  async::TensorFill fill = async::TensorFill::zero;
  std::uint32_t byte_mask = 0xffff;  ///< of each 16 bytes: those that are written
  bool is_reduction = false;
  AtomicOp reduction = AtomicOp::add;
  ptx::Type type = ptx::Type::none;

  /// Bytes of shared memory, and of the transaction.
  [[nodiscard]] std::uint64_t shared_bytes() const { return rows.size() * row_shared_bytes; }
  /// Bytes of global memory inside the tensor.
  [[nodiscard]] std::uint64_t global_bytes() const;
  /// From global memory into the box at `shared`, whose shared address is `address`.
  void load(std::byte* shared, std::uint64_t address) const;
  /// The box as it stands in shared memory, without swizzle.
  [[nodiscard]] std::vector<std::byte> read_box(const std::byte* shared,
                                                std::uint64_t address) const;
  /// A box into global memory. Throws FaultRaised where the reduction is not defined.
  void store(const std::vector<std::byte>& box) const;
};

/// Linear copy of `bytes` at the host address `global`.
[[nodiscard]] BulkTransfer linear_transfer(std::uint64_t global, std::uint32_t bytes);
/// The box that `bulk` describes for one lane. Throws FaultRaised, naming the rule that is broken.
[[nodiscard]] BulkTransfer tensor_transfer(Warp& warp, const BulkOp& bulk, std::uint32_t lane);

/// The CTA of the warp, for the order of changes of tensor maps and their uses.
[[nodiscard]] check::TensorMapOrder::Who who_is(Warp& warp);

/// The address operand of one lane.
[[nodiscard]] std::uint64_t read_address(const LaneContext& lanes, const AddressSource& source,
                                         std::uint32_t lane);

}  // namespace rackproof::emulator::exec
