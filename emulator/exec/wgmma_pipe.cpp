#include "emulator/exec/wgmma.hpp"

#include <algorithm>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

constexpr WgmmaPipe::Row kRowBytes = kWarpSize * sizeof(std::uint32_t);

}  // namespace

WgmmaPipe::Use& WgmmaPipe::use(Row row) {
  const std::size_t index = row / kRowBytes;
  if (index >= uses_.size()) {
    uses_.resize(index + 1);
  }
  return uses_[index];
}

bool WgmmaPipe::is_fenced(const Operation& operation) const {
  if (fenced_ == 0) {
    return false;
  }
  // Compilers move plain arithmetic across a fence that follows the last batch: that one counts.
  if (fenced_ > batch_end_) {
    return true;
  }
  const auto since_fence = [this](Row row, std::uint64_t Use::*when) {
    const std::size_t index = row / kRowBytes;
    return index < uses_.size() && uses_[index].*when > fenced_;
  };
  const auto changed = [&](Row row) { return since_fence(row, &Use::written); };
  const auto read = [&](Row row) { return since_fence(row, &Use::read); };
  return std::none_of(operation.sums.begin(), operation.sums.end(), changed) &&
         std::none_of(operation.sums.begin(), operation.sums.end(), read) &&
         std::none_of(operation.operands.begin(), operation.operands.end(), changed);
}

void WgmmaPipe::issue(Operation operation) {
  for (const Row row : operation.sums) {
    ++use(row).as_sum;
  }
  for (const Row row : operation.operands) {
    ++use(row).as_operand;
  }
  const bool now = operation.moment.immediate();
  pending_.push_back({std::move(operation), group_, false});
  ++issued_;
  if (now) {
    land_all();
  }
}

void WgmmaPipe::commit() {
  ++group_;
  batch_end_ = ++now_;
}

void WgmmaPipe::land_first(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (!pending_[i].landed) {
      pending_[i].landed = true;
      pending_[i].operation.land();
      pending_[i].operation.land = nullptr;
    }
  }
}

std::uint64_t WgmmaPipe::completed_by_wait(std::uint64_t pending) const {
  const auto left = std::count_if(pending_.begin(), pending_.end(), [&](const Pending& each) {
    return each.group + pending >= group_;
  });
  return issued_ - static_cast<std::uint64_t>(left);
}

void WgmmaPipe::complete(std::uint64_t count) {
  const std::uint64_t retired = issued_ - pending_.size();
  const std::uint64_t first = count > retired ? std::min(count - retired, pending_.size()) : 0;
  land_first(first);
  for (std::uint64_t i = 0; i < first; ++i) {
    if (auto waited = std::exchange(pending_[i].operation.waited, nullptr)) {
      waited();
    }
  }
}

void WgmmaPipe::wait(std::uint64_t pending) {
  const auto first_left = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& each) {
    return each.group + pending >= group_;
  });
  land_first(static_cast<std::size_t>(first_left - pending_.begin()));
  for (auto each = pending_.begin(); each != first_left; ++each) {
    for (const Row row : each->operation.sums) {
      --use(row).as_sum;
    }
    for (const Row row : each->operation.operands) {
      --use(row).as_operand;
    }
  }
  pending_.erase(pending_.begin(), first_left);
  batch_end_ = ++now_;
}

void WgmmaPipe::step() {
  for (std::size_t i = pending_.size(); i-- > 0;) {
    if (!pending_[i].landed && pending_[i].operation.moment.step()) {
      land_first(i + 1);
    }
  }
}

const WgmmaPipe::Operation* WgmmaPipe::disturbed(Row row, bool is_write) const {
  const std::size_t index = row / kRowBytes;
  if (index >= uses_.size() ||
      (uses_[index].as_sum == 0 && !(is_write && uses_[index].as_operand != 0))) {
    return nullptr;
  }
  const auto uses = [row](const std::vector<Row>& rows) {
    return std::find(rows.begin(), rows.end(), row) != rows.end();
  };
  for (const Pending& each : pending_) {
    if (uses(each.operation.sums) || (is_write && uses(each.operation.operands))) {
      return &each.operation;
    }
  }
  return nullptr;
}

void WgmmaPipe::note_access(Row row, bool is_write) {
  (is_write ? use(row).written : use(row).read) = ++now_;
}

}  // namespace rackproof::emulator::exec
