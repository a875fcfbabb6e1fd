#pragma once
/// wgmma: PTX ISA 9.0, section 9.7.15. Each warp of a warpgroup multiplies its 16 rows.

#include "emulator/async/timing.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace rackproof::emulator::exec {

/// One wgmma.mma_async; Op::immediate is its index in DecodedKernel::wgmma. Op::list: the registers
/// of D, then those of A.
struct WgmmaSpec {
  static constexpr std::uint32_t kRows = 64;
  static constexpr std::uint32_t kWarpRows = 16;
  static constexpr std::uint32_t kWarps = 4;
  static constexpr std::uint32_t kOperandRegisters = 4;  ///< of A

  tensor::MatrixUnit unit;
  tensor::SharedOperand a;  ///< kRows lines, of sparse operands half of K
  tensor::SharedOperand b;
  bool a_in_registers = false;
  bool sparse = false;
  std::uint32_t selector = 0;  ///< sparse: which threads hold the metadata

  [[nodiscard]] std::uint32_t n() const { return static_cast<std::uint32_t>(b.lines); }
  [[nodiscard]] bool half_sums() const {
    return unit.kind == tensor::UnitKind::wgmma && unit.accumulator == tensor::Accumulator::f16;
  }
  [[nodiscard]] std::uint32_t sum_registers() const { return n() / (half_sums() ? 4 : 2); }
};

/// Registers that some wgmma of the function uses and that one other instruction touches; the
/// immediate of the op before it is its index in DecodedKernel::wgmma_accesses.
struct RegisterAccesses {
  std::vector<Ref> reads;
  std::vector<Ref> writes;
  /// A plain copy: compilers insert them anywhere, and ptxas then serialises the multiplications.
  bool is_move = false;
};

/// The multiplications of one warp that are under way, in order, and what they do to its registers.
class WgmmaPipe {
 public:
  /// Rows of registers: their offsets from the first of the warp.
  using Row = std::uint32_t;
  struct Operation {
    std::uint32_t pc = 0;
    std::vector<Row> sums;
    std::vector<Row> operands;
    async::Moment moment = async::Moment::at_wait();
    std::function<void()> land;
    std::function<void()> waited;  ///< may be empty: a wait has ordered it
  };

  /// False: a fence is missing between this and what has changed its registers or read its sums, or
  /// before the first one of all (section 9.7.15.7.1).
  [[nodiscard]] bool is_fenced(const Operation& operation) const;
  void issue(Operation operation);
  void fence() { fenced_ = ++now_; }
  void commit();
  /// All but the latest `pending` committed groups are complete, their registers free.
  void wait(std::uint64_t pending);
  /// A warpgroup multiplies as one: what wait(pending) of one warp completes, counted from the
  /// first operation of the kernel, the others must have issued, and it completes for them, too.
  [[nodiscard]] std::uint64_t completed_by_wait(std::uint64_t pending) const;
  [[nodiscard]] std::uint64_t issued() const { return issued_; }
  /// The first `count` operations of the kernel have read their operands and written their sums.
  void complete(std::uint64_t count);
  /// A scheduling step: whatever was drawn to land by now does.
  void step();
  /// Everything lands; registers stay taken until the wait.
  void land_all() { land_first(pending_.size()); }
  [[nodiscard]] bool idle() const { return pending_.empty(); }

  /// The operation that another instruction disturbs by reading or writing the row; nullptr: none.
  [[nodiscard]] const Operation* disturbed(Row row, bool is_write) const;
  void note_access(Row row, bool is_write);

 private:
  struct Pending {
    Operation operation;
    std::uint64_t group = 0;
    bool landed = false;
  };
  /// How a row is used at present.
  struct Use {
    std::uint32_t as_sum = 0;
    std::uint32_t as_operand = 0;
    std::uint64_t written = 0;  ///< when last changed by another instruction
    std::uint64_t read = 0;     ///< when last read by one
  };
  void land_first(std::size_t count);
  Use& use(Row row);

  std::vector<Pending> pending_;  ///< not yet waited for, in order of issue
  std::uint64_t group_ = 0;       ///< the open one
  std::uint64_t issued_ = 0;
  std::vector<Use> uses_;  ///< by row
  std::uint64_t now_ = 0;
  std::uint64_t fenced_ = 0;     ///< when last; 0: never
  std::uint64_t batch_end_ = 0;  ///< the last commit or wait
};

}  // namespace rackproof::emulator::exec
