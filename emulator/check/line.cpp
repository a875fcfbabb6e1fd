#include "emulator/check/line.hpp"

#include <algorithm>

namespace rackproof::emulator::check {

Access to_bytes(const Access& words, std::uint32_t part) {
  Access bytes = words;
  bytes.units = word_bits_to_bytes(words.units, part);
  if (words.code() < lane_code::kSingle) {
    // Lane of word w: base + (w >> code). Of byte b here: w = 8 * part + b / 4.
    if (words.code() + 2 < lane_code::kSingle) {
      bytes.set_lanes(words.base_lane() + (8 * part >> words.code()), words.code() + 2);
    } else {
      bytes.set_lanes(words.lane_of(8 * part), lane_code::kSingle);
    }
  }
  return bytes;
}

void Line::begin_stamps() {
  if (!extra_) {
    extra_ = std::make_unique<Extra>();
  }
  extra_->has_stamps = true;
  extra_->newest = 0;
  extra_->in_flight = 0;
  extra_->stamps.fill({});
  put_stamps(write_);
  write_ = {};
}

void Line::stamp(const Access& now) {
  if (now.units == kAllLanes) {
    extra_->has_stamps = false;
    write_ = now;
    return;
  }
  put_stamps(now);
}

void Line::put_stamps(const Access& now) {
  const bool in_flight = now.strength() == Strength::in_flight;
  extra_->in_flight = in_flight ? extra_->in_flight | now.units : extra_->in_flight & ~now.units;
  extra_->newest = std::max(extra_->newest, now.time());
  for (std::uint32_t rest = now.units; rest != 0; rest &= rest - 1) {
    const auto unit = static_cast<std::uint32_t>(std::countr_zero(rest));
    extra_->stamps[unit] = Stamp::of(now, unit);
  }
}

void Line::split() {
  if (!extra_) {
    extra_ = std::make_unique<Extra>();
  }
  auto bytes = std::make_unique<std::array<Line, 4>>();
  for (std::uint32_t i = 0; i < 4; ++i) {
    Line& part = (*bytes)[i];
    part.write_ = extra_->has_stamps ? Access{} : to_bytes(write_, i);
    for (std::uint32_t unit = 8 * i; extra_->has_stamps && unit < 8 * i + 8; ++unit) {
      if (extra_->stamps[unit].when != 0) {
        part.remember_write(to_bytes(extra_->stamps[unit].access(unit), i));
      }
    }
    for (std::size_t r = 0; r < reads_.size(); ++r) {
      part.reads_[r] = to_bytes(reads_[r], i);
    }
  }
  extra_->has_stamps = false;
  extra_->bytes = std::move(bytes);
  write_ = {};
  reads_ = {};
}

}  // namespace rackproof::emulator::check
