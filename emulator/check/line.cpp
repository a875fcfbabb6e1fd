#include "emulator/check/line.hpp"

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

void Line::remember_among_many(const Access& now) {
  write_.units &= ~now.units;
  bool merged = false;
  std::erase_if(extra_->writes, [&](Access& write) {
    write.units &= ~now.units;
    if (write.units != 0 && !merged && write.same_epoch(now) && write.same_lanes(now) &&
        write.pc() == now.pc()) {
      write.units |= now.units;
      merged = true;
    }
    return write.units == 0;
  });
  if (merged) {
    return;
  }
  if (write_.units == 0) {
    write_ = now;
  } else {
    extra_->writes.push_back(now);
  }
}

void Line::split() {
  if (!extra_) {
    extra_ = std::make_unique<Extra>();
  }
  auto bytes = std::make_unique<std::array<Line, 4>>();
  for (std::uint32_t i = 0; i < 4; ++i) {
    Line& part = (*bytes)[i];
    part.write_ = to_bytes(write_, i);
    for (const Access& write : extra_->writes) {
      if (const Access own = to_bytes(write, i); own.units != 0) {
        part.remember_write(own);
      }
    }
    for (std::size_t r = 0; r < reads_.size(); ++r) {
      part.reads_[r] = to_bytes(reads_[r], i);
    }
  }
  extra_->writes.clear();
  extra_->bytes = std::move(bytes);
  write_ = {};
  reads_ = {};
}

}  // namespace rackproof::emulator::check
