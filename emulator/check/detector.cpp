#include "emulator/check/detector.hpp"

#include <algorithm>
#include <bit>

namespace rackproof::emulator::check {
namespace {

constexpr std::size_t kFinishedGrids = 256;
constexpr std::size_t kRanges = 64;
constexpr const char* kNothingOrders = " (nothing orders the two)";
// Half of this is memory that kernels touched: beyond it the oldest history is dropped.
constexpr std::size_t kMaxPages = 65536;

}  // namespace

bool RangeAccess::touches(std::uint64_t address, std::uint64_t bytes) const {
  if (address + bytes <= base || address >= base + (rows - 1) * pitch + row_bytes) {
    return false;
  }
  if (rows == 1 || address < base) {
    return true;
  }
  const std::uint64_t offset = (address - base) % pitch;
  return offset < row_bytes || offset + bytes > pitch;
}

bool RangeAccess::meets(const RangeAccess& other) const {
  for (std::uint64_t row = 0; row < rows; ++row) {
    if (other.touches(base + row * pitch, row_bytes)) {
      return true;
    }
  }
  return false;
}

Grid& Detector::begin_grid(std::uint64_t ctas, int device, OperationOrder order) {
  constexpr std::uint32_t kHalf = 0x40000000;
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(ctas, kHalf));
  if (running_ == 0 && (next_cta_ > 0xffffffffU - kHalf || pages_.size() > kMaxPages)) {
    // Serial numbers must not wrap, and the shadow must not grow for ever.
    drop_pages();
    grids_.clear();
    next_cta_ = next_cta_ > 0xffffffffU - kHalf ? 1 : next_cta_;
  }
  auto grid = std::make_unique<Grid>();
  grid->first = next_cta_;
  grid->count = count;
  grid->device = device;
  next_cta_ += count;
  grid->end = next_cta_++;
  for (const auto& other : grids_) {
    if (!order.follows(other->order)) {
      if (order.awaits(other->order)) {
        grid->awaited.push_back(other->end);
      }
      grid->unordered.emplace_back(other->first, other->first + other->count - 1);
    }
  }
  for (const RangeAccess& range : ranges_) {
    grid->meets_ranges = grid->meets_ranges || !order.follows(range.order);
  }
  grid->order = std::move(order);
  ++running_;
  grids_.push_back(std::move(grid));
  return *grids_.back();
}

void Detector::end_grid(Grid& grid) {
  grid.is_finished = true;
  --running_;
  if (running_ == 0) {
    locations_.clear();
  }
  std::size_t excess = grids_.size() - std::min(grids_.size(), running_ + kFinishedGrids);
  std::erase_if(grids_, [&excess](const std::unique_ptr<Grid>& old) {
    const bool goes = excess != 0 && old->is_finished;
    excess -= goes ? 1 : 0;
    return goes;
  });
}

const Grid* Detector::grid_of(std::uint32_t cta) const {
  const auto found = std::find_if(grids_.begin(), grids_.end(),
                                  [cta](const auto& grid) { return grid->holds(cta); });
  return found == grids_.end() ? nullptr : found->get();
}

Detector::Page& Detector::page(std::uint64_t number) {
  auto& page = pages_[number];
  if (!page) {
    page = std::make_unique<Page>();
  }
  return *page;
}

void Detector::drop_pages() {
  pages_.clear();
  cache_.fill({});
}

void Detector::forget(std::uint64_t base, std::uint64_t bytes) {
  const std::scoped_lock lock(forget_mutex_);
  forgotten_.emplace_back(base, bytes);
}

void Detector::apply_forgotten() {
  const std::scoped_lock lock(forget_mutex_);
  for (const auto& [base, bytes] : forgotten_) {
    std::erase_if(ranges_, [base = base, bytes = bytes](const RangeAccess& range) {
      return range.touches(base, bytes);
    });
    const std::uint64_t first = base / kPageBytes;
    const std::uint64_t last = (base + bytes - 1) / kPageBytes;
    const auto clear = [base = base, bytes = bytes](std::uint64_t number, Page& page) {
      for (std::size_t i = 0; i < page.size(); ++i) {
        const std::uint64_t line = number * kPageBytes + i * kLineBytes;
        if (line + kLineBytes > base && line < base + bytes) {
          page[i].clear();
        }
      }
    };
    if (last - first < pages_.size()) {
      for (std::uint64_t number = first; number <= last; ++number) {
        if (const auto found = pages_.find(number); found != pages_.end()) {
          clear(number, *found->second);
        }
      }
    } else {
      for (auto& [number, page] : pages_) {
        if (number >= first && number <= last) {
          clear(number, *page);
        }
      }
    }
  }
  forgotten_.clear();
}

std::string Detector::range_access(RangeAccess access) {
  apply_forgotten();
  std::vector<const Grid*> unordered;
  for (const auto& grid : grids_) {
    if (grid->order.sequence != 0 && !grid->is_finished) {
      grid->meets_ranges = true;
    }
    if (!may_know_each_other(*grid, access) && !access.order.follows(grid->order)) {
      unordered.push_back(grid.get());
    }
  }
  std::string message;
  for (const RangeAccess& range : ranges_) {
    if (message.empty() && (access.writes || range.writes) && !(access.by_host && range.by_host) &&
        !access.crosses(range) && access.meets(range) && !access.order.follows(range.order)) {
      message = access.what + " is not ordered after the " + range.what + kNothingOrders;
    }
  }
  if (message.empty() && !unordered.empty()) {
    const auto ordered = [&unordered](const Access& earlier, const Access&, std::uint32_t) {
      return std::none_of(unordered.begin(), unordered.end(),
                          [&](const Grid* grid) { return grid->holds(earlier.cta); });
    };
    const auto look = [&](std::uint64_t number, Page& page) {
      for (std::size_t i = 0; i < page.size() && message.empty(); ++i) {
        const std::uint64_t address = number * kPageBytes + i * kLineBytes;
        for (std::uint32_t part = 0; part < 4 && message.empty(); ++part) {
          const bool is_split = page[i].is_split();
          Line& line = is_split ? page[i].part(part) : page[i];
          Access probe;
          const std::uint32_t unit_bytes = is_split ? 1 : 4;
          const std::uint64_t start = address + (is_split ? 32 * part : 0);
          for (std::uint32_t unit = 0; unit < 32; ++unit) {
            const bool inside = access.touches(start + unit * unit_bytes, unit_bytes);
            probe.units |= static_cast<std::uint32_t>(inside) << unit;
          }
          const Conflict conflict = line.probe(probe, ordered, access.writes);
          const bool is_signal = access.by_host && conflict.earlier.strength() == Strength::strong;
          if (conflict.found && !is_signal) {
            const auto unit = static_cast<std::uint32_t>(std::countr_zero(conflict.units));
            const Grid* const grid = grid_of(conflict.earlier.cta);
            message = access.what + " is not ordered after the " +
                      (conflict.earlier_was_read ? "read" : "write") + " of its byte " +
                      std::to_string(start + unit * unit_bytes - access.base) + " by " +
                      grid->describe(conflict.earlier, unit) + kNothingOrders;
          }
          if (!is_split) {
            break;
          }
        }
      }
    };
    const std::uint64_t first = access.base / kPageBytes;
    const std::uint64_t last =
        (access.base + (access.rows - 1) * access.pitch + access.row_bytes - 1) / kPageBytes;
    if (const auto only = pages_.find(first); first == last && only != pages_.end()) {
      look(first, *only->second);
    } else if (first != last) {
      for (auto& [number, page] : pages_) {
        if (number >= first && number <= last && message.empty()) {
          look(number, *page);
        }
      }
    }
  }
  if (access.order.sequence != 0 && !access.precedes_later) {
    remember(std::move(access));
  }
  return message;
}

// The host's accesses are many: they must not drive out copies and fills.
void Detector::remember(RangeAccess access) {
  ranges_.push_back(std::move(access));
  if (ranges_.size() > kRanges) {
    const auto oldest = std::find_if(ranges_.begin(), ranges_.end(),
                                     [](const RangeAccess& range) { return range.by_host; });
    ranges_.erase(oldest == ranges_.end() ? ranges_.begin() : oldest);
  }
}

const RangeAccess* Detector::unordered_range(const Grid& grid, std::uint64_t address,
                                             std::uint64_t bytes, bool writes,
                                             bool is_strong) const {
  for (const RangeAccess& range : ranges_) {
    if ((writes || range.writes) && range.touches(address, bytes) &&
        !grid.order.follows(range.order) && !may_know_each_other(grid, range) &&
        !(range.by_host && is_strong)) {
      return &range;
    }
  }
  return nullptr;
}

}  // namespace rackproof::emulator::check
