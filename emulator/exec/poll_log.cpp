#include "emulator/exec/poll_log.hpp"

#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <cstring>

namespace rackproof::emulator::exec {
namespace {

// Groups that split and merge in ever new ways are not followed for ever.
constexpr std::size_t kMostWalks = 64;

}  // namespace

void PollLog::turn(std::uint32_t lanes, std::uint64_t state) {
  turned_ |= lanes;
  auto walk = std::find_if(walks_.begin(), walks_.end(),
                           [lanes](const Walk& known) { return known.lanes == lanes; });
  if (walk == walks_.end()) {
    if (walks_.size() == kMostWalks) {
      walks_.clear();
    }
    walks_.push_back({lanes, state, 0, 1});
    return;
  }
  ++walk->steps;
  if (walk->state == state) {
    walk->steps = 0;
    for_each_lane(lanes, [this](std::uint32_t lane) {
      repeats_[lane] = static_cast<std::uint8_t>(std::min(repeats_[lane] + 1, 255));
    });
  } else if (walk->steps == walk->limit) {
    // No way back was found within the limit: what was taken for a cycle is none, or a longer one.
    *walk = {lanes, state, 0, 2 * walk->limit};
    for_each_lane(lanes, [this](std::uint32_t lane) { repeats_[lane] = 0; });
  }
}

void PollLog::read(const Read& what, std::uint32_t lanes, const Addresses& addresses) {
  for_each_lane(lanes, [&](std::uint32_t lane) {
    // Of the reads in a loop the one that others may answer is worth naming.
    if (what.synchronises || !reads_[lane].synchronises) {
      reads_[lane] = what;
      reads_[lane].address = addresses.value[lane];
    }
  });
}

bool PollLog::repeats(std::uint32_t lanes, std::uint32_t times) const {
  bool all = true;
  for_each_lane(lanes, [&](std::uint32_t lane) { all = all && repeats_[lane] >= times; });
  return all;
}

void PollLog::restart() {
  repeats_.fill(0);
  turned_ = 0;
}

std::uint64_t hash_words(const std::byte* data, std::size_t size, std::uint64_t seed) {
  constexpr std::uint64_t kPrime = 0x9e3779b97f4a7c15ULL;
  // Four chains, so that one multiplication need not wait for the last.
  std::array<std::uint64_t, 4> chain{seed, seed ^ kPrime, ~seed, seed + kPrime};
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + at, sizeof word);
    std::uint64_t& mine = chain[at / 8 % 4];
    mine = (mine ^ word) * kPrime;
    mine ^= mine >> 29;
  }
  for (std::size_t i = 1; i < 4; ++i) {
    chain[0] = (chain[0] ^ chain[i]) * kPrime;
    chain[0] ^= chain[0] >> 32;
  }
  return chain[0];
}

}  // namespace rackproof::emulator::exec
