#include "emulator/check/tensor_order.hpp"

#include <atomic>
#include <utility>

namespace rackproof::emulator::check {

std::uint32_t next_pipe_serial() {
  constexpr std::uint32_t kFirst = 0xc0000000U;
  static std::atomic<std::uint32_t> next{kFirst};
  return next.fetch_add(1, std::memory_order_relaxed);
}

std::uint32_t TensorOrder::add(const TensorAccess& access) {
  accesses_.push_back(access);
  return static_cast<std::uint32_t>(accesses_.size() - 1);
}

bool TensorOrder::is_ordered(std::uint32_t earlier, std::uint32_t number, const Clock& knowledge) {
  TensorAccess& before = accesses_[earlier];
  const TensorAccess& now = accesses_[number];
  if (before.is_pipe) {
    if (now.is_pipe && now.actor == before.actor) {
      return true;
    }
    const CtaKnowledge* const known = knowledge.find(before.actor);
    return known != nullptr && before.time <= known->all();
  }
  const bool same_warp = before.warp == now.warp && before.cta == now.cta;
  if (same_warp && (!now.is_pipe || before.state != TensorAccess::State::in_flight)) {
    return true;
  }
  if (before.follows_registers && before.state == TensorAccess::State::in_flight) {
    before.overtaken_by = number;
    return true;
  }
  if (now.frees) {
    return before.state != TensorAccess::State::in_flight;
  }
  const bool is_store = before.writes && before.state == TensorAccess::State::in_flight;
  if (before.state != TensorAccess::State::ordered && !(is_store && !now.writes && !now.is_pipe)) {
    return false;
  }
  const CtaKnowledge* const known = knowledge.find(before.actor);
  if (known == nullptr || !known->knows(before.warp, before.lane, before.time)) {
    return false;
  }
  if (is_store) {
    unawaited_store_ = earlier;
    before.state = TensorAccess::State::ordered;
  }
  return true;
}

std::optional<TensorAccess> TensorOrder::take_unawaited_store() {
  const std::uint32_t store = std::exchange(unawaited_store_, kNone);
  return store == kNone ? std::nullopt : std::optional(accesses_[store]);
}

std::optional<TensorConflict> TensorOrder::touch(std::uint32_t number, std::uint32_t lane,
                                                 std::uint32_t lanes, std::uint32_t column,
                                                 std::uint32_t columns, bool writes,
                                                 const Clock& knowledge) {
  cells_.resize(std::size_t{kLanes / kLanesPerCell} * kColumns);
  const TensorAccess now = accesses_[number];
  last_asker_ = kNone;
  const auto ordered = [&](std::uint32_t earlier) {
    if (earlier == kNone || earlier == number) {
      return true;
    }
    if (last_asked_ != earlier || last_asker_ != number) {
      last_answer_ = is_ordered(earlier, number, knowledge);
      last_asked_ = earlier;
      last_asker_ = number;
    }
    return last_answer_;
  };
  const std::uint32_t first_cell = lane / kLanesPerCell;
  const std::uint32_t last_cell = (lane + lanes - 1) / kLanesPerCell;
  for (std::uint32_t row = first_cell; row <= last_cell; ++row) {
    for (std::uint32_t i = column; i < column + columns; ++i) {
      Cell& cell = cells_[std::size_t{row} * kColumns + i];
      const auto conflict = [&](std::uint32_t earlier) {
        return TensorConflict{accesses_[earlier], row * kLanesPerCell, i};
      };
      if (!ordered(cell.write)) {
        return conflict(cell.write);
      }
      if (writes) {
        for (const std::uint32_t read : cell.reads) {
          if (!ordered(read)) {
            return conflict(read);
          }
        }
        cell.write = number;
        cell.reads = {};
        continue;
      }
      // A later read by the same actor stands for its earlier ones; beyond two actors: silence.
      const TensorAccess& first = accesses_[cell.reads[0]];
      const bool replaces =
          cell.reads[0] == kNone || (first.actor == now.actor && first.warp == now.warp);
      cell.reads[replaces ? 0 : 1] = number;
    }
  }
  return std::nullopt;
}

void TensorOrder::forget(std::uint32_t column, std::uint32_t columns) {
  for (std::uint32_t row = 0; !cells_.empty() && row < kLanes / kLanesPerCell; ++row) {
    for (std::uint32_t i = column; i < column + columns; ++i) {
      cells_[std::size_t{row} * kColumns + i] = {};
    }
  }
}

}  // namespace rackproof::emulator::check
