#pragma once
/// Finds accesses to tensor memory that nothing orders (PTX ISA 9.0, section 9.7.16.6).
///
/// tcgen05.mma, .cp and .shift of one warp are ordered among themselves: they are a pipe with its
/// own time. A warp knows what a pipe has done once it has waited for the mbarrier of a commit, and
/// has met tcgen05.fence::after_thread_sync. A pipe knows what the warp that issues knows. What
/// tcgen05.ld and .st do is known to others when the warp has waited for it, has met
/// tcgen05.fence::before_thread_sync, and synchronises. Where registers of loads are followed
/// instead of waited for, the first use of one is the wait.
///
/// Much working code leaves out the fences: ::before_thread_sync is demanded of kernels that have
/// one of it, ::after_thread_sync of those that have a fence of either kind.

#include "emulator/check/clock.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::emulator::check {

/// Serial numbers of pipes among those of CTAs.
[[nodiscard]] std::uint32_t next_pipe_serial();

/// An instruction that accesses tensor memory.
struct TensorAccess {
  enum class State : std::uint8_t {
    in_flight,    ///< tcgen05.ld or .st that nobody has waited for
    unpublished,  ///< waited for, but no tcgen05.fence::before_thread_sync since
    ordered,
  };
  std::uint32_t actor = 0;  ///< serial number of a pipe, or of a CTA
  std::uint32_t warp = 0;   ///< of the CTA that executed it
  std::uint32_t cta = 0;    ///< rank of that CTA in its cluster
  std::uint32_t lane = 0;
  std::uint32_t pc = 0;
  Time time = 0;
  State state = State::ordered;
  bool is_pipe = false;
  bool writes = false;
  /// dealloc: what warps did has to be over. Code that works synchronises before it with relaxed
  /// barriers, so more is not asked of it.
  bool frees = false;
  /// A load that is over when its registers are used (exec::EarlyUses). Until then others may take
  /// its columns, as long as the registers are not used after that.
  bool follows_registers = false;
  std::uint32_t overtaken_by = 0;  ///< the access that took its columns meanwhile; 0: none
};

struct TensorConflict {
  TensorAccess earlier;
  std::uint32_t lane = 0;  ///< of tensor memory
  std::uint32_t column = 0;
};

/// Of the tensor memory of one CTA.
class TensorOrder {
 public:
  static constexpr std::uint32_t kLanes = 128;
  static constexpr std::uint32_t kColumns = 512;
  /// 16 lanes of a column are one cell here: no shape splits them.
  static constexpr std::uint32_t kLanesPerCell = 16;

  /// Registers an access; its number.
  std::uint32_t add(const TensorAccess& access);
  [[nodiscard]] TensorAccess& at(std::uint32_t number) { return accesses_[number]; }
  /// Access `number` touches these cells; `knowledge` is what whoever does it knows.
  [[nodiscard]] std::optional<TensorConflict> touch(std::uint32_t number, std::uint32_t lane,
                                                    std::uint32_t lanes, std::uint32_t column,
                                                    std::uint32_t columns, bool writes,
                                                    const Clock& knowledge);
  /// The last store that a load of another warp met behind a synchronisation, but without
  /// tcgen05.wait::st, since this was last asked.
  [[nodiscard]] std::optional<TensorAccess> take_unawaited_store();
  /// New columns: what was there before is forgotten.
  void forget(std::uint32_t column, std::uint32_t columns);

 private:
  static constexpr std::uint32_t kNone = 0;
  struct Cell {
    std::uint32_t write = kNone;
    std::array<std::uint32_t, 2> reads{};
  };
  [[nodiscard]] bool is_ordered(std::uint32_t earlier, std::uint32_t number,
                                const Clock& knowledge);

  std::vector<TensorAccess> accesses_{1};
  std::vector<Cell> cells_;
  std::uint32_t unawaited_store_ = kNone;
  // Most cells of an access were touched by the same one before.
  std::uint32_t last_asked_ = kNone;
  std::uint32_t last_asker_ = kNone;
  bool last_answer_ = true;
};

}  // namespace rackproof::emulator::check
