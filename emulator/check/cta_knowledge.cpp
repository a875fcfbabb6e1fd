#include "emulator/check/cta_knowledge.hpp"

#include <algorithm>

namespace rackproof::emulator::check {

void CtaKnowledge::know_all(Time time) {
  if (time <= all_) {
    return;
  }
  all_ = time;
  std::erase_if(warps_, [time](const WarpKnowledge& entry) {
    return entry.full <= time && entry.upto <= time;
  });
}

void CtaKnowledge::add(const WarpKnowledge& entry) {
  if (entry.full <= all_ && entry.upto <= all_) {
    return;
  }
  for (WarpKnowledge& mine : warps_) {
    if (mine.warp == entry.warp) {
      mine.full = std::max(mine.full, entry.full);
      // The union of lanes at the later time knows more than both: silence, never a false finding.
      const bool mine_matters = mine.upto > mine.full;
      const bool other_matters = entry.upto > mine.full;
      mine.lanes = (mine_matters ? mine.lanes : 0) | (other_matters ? entry.lanes : 0);
      mine.upto = std::max(mine.upto, entry.upto);
      return;
    }
  }
  warps_.push_back(entry);
}

bool CtaKnowledge::join(const CtaKnowledge& other) {
  bool is_new = other.all_ > all_;
  know_all(other.all_);
  for (const WarpKnowledge& entry : other.warps_) {
    const WarpKnowledge* const mine = of(entry.warp);
    const Time full = std::max(all_, mine == nullptr ? 0 : mine->full);
    const bool lanes_known = entry.upto <= full || (mine != nullptr && entry.upto <= mine->upto &&
                                                    (entry.lanes & ~mine->lanes) == 0);
    if (entry.full > full || !lanes_known) {
      is_new = true;
      add(entry);
    }
  }
  return is_new;
}

const WarpKnowledge* CtaKnowledge::of(std::uint32_t warp) const {
  const auto found = std::find_if(warps_.begin(), warps_.end(), [warp](const WarpKnowledge& entry) {
    return entry.warp == warp;
  });
  return found == warps_.end() ? nullptr : &*found;
}

CtaKnowledge CtaKnowledge::restricted(std::uint32_t warp, std::uint32_t lanes) const {
  CtaKnowledge result = *this;
  for (WarpKnowledge& entry : result.warps_) {
    if (entry.warp == warp) {
      entry.lanes &= lanes;
    }
  }
  return result;
}

}  // namespace rackproof::emulator::check
