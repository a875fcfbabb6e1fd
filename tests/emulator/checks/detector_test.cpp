// The detector alone: what is ordered, what is not, and what its records say.
#include "emulator/check/cta_checker.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::check {
namespace {

constexpr std::uint32_t kWarps = 2;
constexpr auto kRead = AccessKind::read;
constexpr auto kWrite = AccessKind::write;
constexpr auto kAtomic = AccessKind::atomic;

// CTAs of one or more grids that access words of a buffer.
class Story {
 public:
  Story() { grids_.push_back(&detector_.begin_grid(64, 0, {})); }

  std::size_t begin_grid(OperationOrder order, int device = 0) {
    grids_.push_back(&detector_.begin_grid(64, device, std::move(order)));
    return grids_.size() - 1;
  }
  std::unique_ptr<CtaChecker> cta(std::uint64_t index, std::size_t grid = 0) {
    return std::make_unique<CtaChecker>(&detector_, grids_[grid], index, kWarps,
                                        reinterpret_cast<std::uintptr_t>(buffer_.data()), 4096,
                                        CtaChecker::Options{false, true});
  }
  // One lane accesses one word.
  Finding access(CtaChecker& cta, std::uint32_t warp, std::uint32_t lane, AccessKind kind,
                 std::uint32_t word, Semantics semantics = Semantics::weak,
                 Scope scope = Scope::device, std::uint32_t bytes = 4) {
    Request request;
    request.kind = kind;
    request.semantics = semantics;
    request.scope = scope;
    request.warp = warp;
    request.pc = 7;
    std::array<std::uint64_t, 32> addresses{};
    addresses[lane] = address(word);
    request.row = {addresses.data(), 1U << lane, bytes, false, false, true};
    value_ = ~value_;
    std::array<std::uint32_t, 32 * 4> data{};
    data.fill(value_);
    request.data = reinterpret_cast<const std::byte*>(data.data());
    request.stride = 16;
    return cta.global(request);
  }
  // A whole warp accesses consecutive elements.
  Finding row(CtaChecker& cta, std::uint32_t warp, AccessKind kind, std::uint32_t word,
              std::uint32_t bytes = 4) {
    const std::uint64_t first = address(word);
    Request request;
    request.kind = kind;
    request.warp = warp;
    request.row = {&first, kAllLanes, bytes, true, false, false};
    return cta.global(request);
  }
  // A whole warp accesses words that lie `stride` words apart.
  Finding strided(CtaChecker& cta, std::uint32_t warp, AccessKind kind, std::uint32_t word,
                  std::uint32_t stride) {
    std::array<std::uint64_t, 32> addresses{};
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      addresses[lane] = address(word + lane * stride);
    }
    Request request;
    request.kind = kind;
    request.warp = warp;
    request.row = {addresses.data(), kAllLanes, 4, false, false, false};
    return cta.global(request);
  }
  // The lanes of `lanes` access one word; they store `values`.
  Finding shared_word(CtaChecker& cta, std::uint32_t warp, std::uint32_t lanes, AccessKind kind,
                      std::uint32_t word, const std::array<std::uint32_t, 32>& values = {}) {
    std::array<std::uint64_t, 32> addresses{};
    addresses.fill(address(word));
    Request request;
    request.kind = kind;
    request.warp = warp;
    request.pc = 7;
    request.semantics = kind == kAtomic ? Semantics::relaxed : Semantics::weak;
    request.row = {addresses.data(), lanes, 4, false, kind != kWrite, kind == kWrite};
    request.data = reinterpret_cast<const std::byte*>(values.data());
    request.stride = 4;
    return cta.global(request);
  }
  [[nodiscard]] std::uint64_t address(std::uint32_t word) const {
    return reinterpret_cast<std::uintptr_t>(buffer_.data()) + 4 * std::uint64_t{word};
  }
  static void barrier(CtaChecker& cta) {
    BarrierClock clock;
    for (std::uint32_t warp = 0; warp < kWarps; ++warp) {
      cta.arrive(warp, kAllLanes, clock);
    }
    cta.release_all(clock);
  }
  Detector& detector() { return detector_; }

 private:
  struct alignas(128) Block {
    std::array<std::uint32_t, 1024> words{};
  };
  Detector detector_;
  std::vector<Grid*> grids_;
  std::unique_ptr<Block> storage_ = std::make_unique<Block>();
  std::array<std::uint32_t, 1024>& buffer_ = storage_->words;
  std::uint32_t value_ = 0x5555;
};

#define EXPECT_CLEAN(finding) EXPECT_EQ((finding).kind, Finding::Kind::none)
#define EXPECT_RACE(finding, what) EXPECT_EQ((finding).kind, Finding::Kind::what)

TEST(Detector, NamesALaneThatDidNotWriteTheWordItself) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 0, kWrite, 10));
  EXPECT_CLEAN(story.shared_word(*cta, 0, 0x1, kRead, 10));
  const Finding finding = story.shared_word(*cta, 0, 0x13, kRead, 10);
  EXPECT_RACE(finding, after_write);
  EXPECT_EQ(finding.lane, 1U);
}

// The second thread at a node of a tree that is built bottom up reads what the first left.
TEST(Detector, LanesOfAWarpMeetAtAnAtomic) {
  for (const bool fenced : {true, false}) {
    Story story;
    const auto cta = story.cta(0);
    EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 10));
    if (fenced) {
      cta->fence(0, 0x88, Scope::device);
    }
    EXPECT_CLEAN(story.shared_word(*cta, 0, 0x88, kAtomic, 20));
    EXPECT_EQ(story.access(*cta, 0, 7, kRead, 10).kind,
              fenced ? Finding::Kind::none : Finding::Kind::after_write);
  }
}

TEST(Detector, LanesOfAWarpReleaseAndAcquire) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 10));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 20, Semantics::release));
  EXPECT_CLEAN(story.access(*cta, 0, 5, kWrite, 11));
  EXPECT_CLEAN(story.access(*cta, 0, 7, kRead, 20, Semantics::acquire));
  EXPECT_CLEAN(story.access(*cta, 0, 7, kRead, 10));
  EXPECT_RACE(story.access(*cta, 0, 7, kRead, 11), after_write);
}

TEST(Detector, LanesOfOneStoreMayStoreEqualValues) {
  const auto store = [](std::array<std::uint32_t, 32> values) {
    Story story;
    const auto cta = story.cta(0);
    return story.shared_word(*cta, 0, 0x15, kWrite, 10, values);
  };
  EXPECT_CLEAN(store({7, 0, 7, 0, 7}));
  EXPECT_RACE(store({7, 0, 7, 0, 8}), after_write);
  EXPECT_RACE(store({8, 0, 7, 0, 7}), after_write);
  EXPECT_RACE(store({7, 0, 8, 0, 7}), after_write);
}

TEST(Detector, BarrierOrdersWarpsOfACta) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 10));
  EXPECT_RACE(story.access(*cta, 1, 3, kRead, 10), after_write);
  Story::barrier(*cta);
  EXPECT_CLEAN(story.access(*cta, 1, 3, kRead, 10));
  const Finding finding = story.access(*cta, 0, 3, kWrite, 10);
  EXPECT_RACE(finding, after_read);
  EXPECT_EQ(finding.address, story.address(10));
  EXPECT_EQ(finding.earlier.warp(), 1U);
  EXPECT_EQ(finding.earlier.lane_of(finding.unit), 3U);
}

TEST(Detector, LanesNeedAWarpBarrier) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 10));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 10));
  EXPECT_RACE(story.access(*cta, 0, 4, kRead, 10), after_write);
  cta->warp_sync(0);
  EXPECT_CLEAN(story.access(*cta, 0, 4, kRead, 10));
}

// A release behind a synchronisation does not cover what comes after both.
TEST(Detector, LaterAccessesAreNotReleased) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 10));
  cta->warp_sync(0);
  Knowledge released;
  cta->release_to(0, kAllLanes, released);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 20));
  cta->acquire_from(1, released);
  EXPECT_CLEAN(story.access(*cta, 1, 3, kRead, 10));
  EXPECT_RACE(story.access(*cta, 1, 3, kRead, 20), after_write);
}

// One lane may read a word, another, and the first again: nobody else has read them.
TEST(Detector, WordsOfOneLaneStayItsOwn) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 15));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 15));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 7));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 8));
  const Finding finding = story.access(*cta, 0, 4, kWrite, 7);
  EXPECT_RACE(finding, after_read);
  EXPECT_EQ(finding.earlier.lane_of(finding.unit), 3U);
}

TEST(Detector, LanesThatReadAWordInTurn) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.access(*cta, 0, 3, kRead, 15));
  EXPECT_CLEAN(story.access(*cta, 0, 4, kRead, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 3, kWrite, 15));
  EXPECT_CLEAN(story.access(*cta, 0, 4, kRead, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 4, kWrite, 31));
  EXPECT_CLEAN(story.access(*cta, 0, 5, kRead, 63));
  EXPECT_CLEAN(story.access(*cta, 0, 6, kRead, 63));
  EXPECT_CLEAN(story.access(*cta, 0, 5, kRead, 63));
  const Finding finding = story.access(*cta, 0, 6, kWrite, 63);
  EXPECT_RACE(finding, after_read);
}

// Lanes two words apart, as in scans: whose words the others read is kept.
TEST(Detector, LanesOfStridedRowsAreKept) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.strided(*cta, 0, kRead, 0, 2));
  EXPECT_CLEAN(story.strided(*cta, 0, kWrite, 0, 2));
  EXPECT_CLEAN(story.strided(*cta, 0, kRead, 1, 2));
  const Finding early = story.strided(*cta, 0, kWrite, 3, 2);
  EXPECT_RACE(early, after_read);
  EXPECT_EQ(early.address, story.address(3));
  EXPECT_EQ(early.lane, 0U);
  EXPECT_EQ(early.earlier.lane_of(early.unit), 1U);
  cta->warp_sync(0);
  EXPECT_CLEAN(story.strided(*cta, 0, kRead, 4, 2));  // each word by two lanes
  EXPECT_CLEAN(story.strided(*cta, 0, kRead, 6, 2));
  EXPECT_RACE(story.strided(*cta, 0, kWrite, 6, 2), after_read);
}

TEST(Detector, RowsAndWordsMeet) {
  Story story;
  const auto cta = story.cta(0);
  EXPECT_CLEAN(story.row(*cta, 0, kWrite, 32));
  EXPECT_CLEAN(story.access(*cta, 0, 5, kRead, 37));
  EXPECT_RACE(story.access(*cta, 0, 5, kRead, 38), after_write);
  EXPECT_CLEAN(story.row(*cta, 0, kRead, 32));
  const auto other = story.cta(1);
  EXPECT_RACE(story.access(*other, 0, 0, kRead, 63), after_write);
  EXPECT_CLEAN(story.access(*other, 0, 0, kRead, 64));
  // 16 bytes a lane: word 102 of a row that begins at word 96 is lane 1's.
  EXPECT_CLEAN(story.row(*cta, 1, kWrite, 96, 16));
  const Finding finding = story.access(*other, 0, 0, kRead, 102);
  EXPECT_EQ(finding.earlier.lane_of(finding.unit), 1U);
}

TEST(Detector, BytesOfAWordAreToldApart) {
  Story story;
  const auto cta = story.cta(0);
  const auto byte = [&](std::uint32_t warp, AccessKind kind, std::uint64_t offset) {
    Request request;
    request.kind = kind;
    request.warp = warp;
    std::array<std::uint64_t, 32> addresses{};
    addresses[0] = story.address(0) + offset;
    request.row = {addresses.data(), 1, 1, false, false, true};
    return cta->global(request);
  };
  EXPECT_CLEAN(byte(0, kWrite, 0));
  EXPECT_CLEAN(byte(1, kWrite, 1));
  EXPECT_CLEAN(byte(0, kRead, 0));
  EXPECT_RACE(byte(0, kRead, 1), after_write);
  EXPECT_RACE(story.access(*cta, 1, 0, kRead, 0), after_write);
}

// A writes data and, after `fence`, a flag; B reads the flag, and after its fence the data.
Finding message(Scope write_fence, Scope flag_scope, Scope read_fence, int reader_device = 0,
                bool same_cta = false) {
  Story story;
  const auto first = story.cta(0);
  const std::size_t grid = reader_device == 0 ? 0 : story.begin_grid({}, reader_device);
  const auto second = same_cta ? nullptr : story.cta(1, grid);
  CtaChecker& reader = same_cta ? *first : *second;
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 0));
  first->fence(0, kAllLanes, write_fence);
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 100, Semantics::relaxed, flag_scope));
  (void)story.access(reader, 1, 0, kRead, 100, Semantics::relaxed, flag_scope);
  reader.fence(1, kAllLanes, read_fence);
  return story.access(reader, 1, 0, kRead, 0);
}

TEST(Detector, ScopesMustReachBothSides) {
  EXPECT_CLEAN(message(Scope::device, Scope::device, Scope::device));
  EXPECT_RACE(message(Scope::cta, Scope::device, Scope::device), after_write);
  EXPECT_RACE(message(Scope::device, Scope::cta, Scope::device), after_write);
  EXPECT_RACE(message(Scope::device, Scope::device, Scope::cta), after_write);
  EXPECT_CLEAN(message(Scope::cta, Scope::cta, Scope::cta, 0, true));
}

TEST(Detector, ReleaseAndAcquireNeedNoFences) {
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 0));
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 100, Semantics::release));
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 100, Semantics::acquire));
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 0));
  // What came after the release is not covered by it.
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 1));
  EXPECT_RACE(story.access(*second, 0, 0, kRead, 1), after_write);
}

TEST(Detector, AtomicsCarryOnWhatOthersReleased) {
  Story story;
  const auto last = story.cta(9);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto cta = story.cta(i);
    EXPECT_CLEAN(story.access(*cta, 0, 0, kWrite, static_cast<std::uint32_t>(i)));
    cta->fence(0, 1, Scope::device);
    EXPECT_CLEAN(story.access(*cta, 0, 0, kAtomic, 100, Semantics::relaxed));
  }
  EXPECT_CLEAN(story.access(*last, 0, 0, kAtomic, 100, Semantics::relaxed));
  last->fence(0, 1, Scope::device);
  for (std::uint32_t word = 0; word < 3; ++word) {
    EXPECT_CLEAN(story.access(*last, 0, 0, kRead, word));
  }
}

TEST(Detector, AStoreEndsAReleaseSequence) {
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  const auto third = story.cta(2);
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 0));
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 100, Semantics::release));
  EXPECT_CLEAN(story.access(*second, 0, 0, kWrite, 100, Semantics::relaxed));
  EXPECT_CLEAN(story.access(*third, 0, 0, kRead, 100, Semantics::acquire));
  EXPECT_RACE(story.access(*third, 0, 0, kRead, 0), after_write);
}

TEST(Detector, AFenceReleasesForItsOwnLaneOnly) {
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  EXPECT_CLEAN(story.row(*first, 0, kWrite, 0));
  first->fence(0, kAllLanes, Scope::device);
  EXPECT_CLEAN(story.access(*first, 0, 0, kAtomic, 100, Semantics::relaxed));
  EXPECT_CLEAN(story.access(*second, 0, 0, kAtomic, 100, Semantics::acquire));
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 0));
  EXPECT_RACE(story.access(*second, 0, 0, kRead, 5), after_write);
}

TEST(Detector, FencedWritesGoThroughABarrier) {
  // Everybody writes and fences, then a barrier, then one thread raises the flag.
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  for (std::uint32_t warp = 0; warp < kWarps; ++warp) {
    EXPECT_CLEAN(story.row(*first, warp, kWrite, 32 * warp));
    first->fence(warp, kAllLanes, Scope::device);
  }
  Story::barrier(*first);
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 100, Semantics::relaxed));
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 100, Semantics::acquire));
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 60));
}

TEST(Detector, StrongAccessesDoNotRaceWithinTheirScopes) {
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  EXPECT_CLEAN(story.access(*first, 0, 0, kAtomic, 0, Semantics::relaxed));
  EXPECT_CLEAN(story.access(*second, 0, 0, kAtomic, 0, Semantics::relaxed));
  EXPECT_RACE(story.access(*first, 0, 0, kAtomic, 0, Semantics::relaxed, Scope::cta), after_write);
  EXPECT_RACE(story.access(*first, 1, 0, kRead, 0), after_write);
}

RangeAccess copy_in_stream(std::uint64_t stream, std::uint64_t base) {
  RangeAccess copy;
  copy.base = base;
  copy.row_bytes = 64;
  copy.writes = true;
  copy.what = "copy";
  copy.order.stream = stream;
  copy.order.sequence = 1;
  return copy;
}

TEST(Detector, CopiesAreForgottenWithTheirMemoryAndWhenTheHostHasWaited) {
  Detector detector;
  EXPECT_EQ(detector.range_access(copy_in_stream(1, 4096)), "");
  EXPECT_NE(detector.range_access(copy_in_stream(2, 4096)), "");
  detector.forget(4096, 64);
  EXPECT_EQ(detector.range_access(copy_in_stream(3, 4096)), "");
  RangeAccess waited = copy_in_stream(4, 8192);
  waited.precedes_later = true;
  EXPECT_EQ(detector.range_access(waited), "");
  EXPECT_EQ(detector.range_access(copy_in_stream(5, 8192)), "");
}

// Bandwidth in both directions is measured so.
TEST(Detector, CopiesThatCrossDoNotRaceButThoseThatOverlapOtherwiseDo) {
  const auto read = [](std::uint64_t stream, std::uint64_t from, std::uint64_t to) {
    RangeAccess end = copy_in_stream(stream, from);
    end.writes = false;
    end.other_end = to;
    return end;
  };
  const auto write = [](std::uint64_t stream, std::uint64_t from, std::uint64_t to) {
    RangeAccess end = copy_in_stream(stream, to);
    end.other_end = from;
    return end;
  };
  Detector detector;
  EXPECT_EQ(detector.range_access(read(1, 4096, 8192)), "");
  EXPECT_EQ(detector.range_access(write(1, 4096, 8192)), "");
  EXPECT_EQ(detector.range_access(read(2, 8192, 4096)), "");
  EXPECT_EQ(detector.range_access(write(2, 8192, 4096)), "");
  EXPECT_NE(detector.range_access(read(3, 8192, 12288)), "");
  EXPECT_NE(detector.range_access(write(4, 12288, 4096)), "");
}

TEST(Detector, StreamsOrderGrids) {
  const auto run = [](bool is_ordered) {
    Story story;
    OperationOrder first{1, 1, {}};
    OperationOrder second{2, 1, {}};
    if (is_ordered) {
      second.before.note(1, 1);
    }
    const std::size_t a = story.begin_grid(first);
    EXPECT_CLEAN(story.access(*story.cta(0, a), 0, 0, kWrite, 0));
    const std::size_t b = story.begin_grid(second);
    return story.access(*story.cta(0, b), 0, 0, kRead, 0);
  };
  EXPECT_CLEAN(run(true));
  EXPECT_RACE(run(false), after_write);
}

TEST(Detector, CopiesOfOtherStreamsAreSeen) {
  Story story;
  const std::size_t grid = story.begin_grid({1, 1, {}});
  const auto cta = story.cta(0, grid);
  RangeAccess copy;
  copy.base = story.address(0);
  copy.row_bytes = 64;
  copy.writes = true;
  copy.what = "copy";
  copy.order = {2, 1, {}};
  EXPECT_EQ(story.detector().range_access(copy), "");
  EXPECT_CLEAN(story.access(*cta, 0, 0, kRead, 16));
  EXPECT_RACE(story.access(*cta, 0, 0, kRead, 15), after_range);
}

TEST(Detector, NewMemoryHasNoPast) {
  Story story;
  const auto first = story.cta(0);
  const auto second = story.cta(1);
  EXPECT_CLEAN(story.access(*first, 0, 0, kWrite, 0));
  story.detector().forget(story.address(0), 4);
  story.detector().apply_forgotten();
  EXPECT_CLEAN(story.access(*second, 0, 0, kRead, 0));
}

TEST(Clock, JoinsKeepTheMostOfEach) {
  Clock x;
  Clock y;
  for (std::uint32_t cta = 0; cta < 2000; ++cta) {
    CtaKnowledge knowledge;
    knowledge.know_all(cta % 7 + 1);
    (cta % 3 == 0 ? x : y).add(cta * 13, knowledge);
    knowledge.know_all(5);
    y.add(cta * 13, knowledge);
  }
  const Clock before = x;
  x.join(y);
  for (std::uint32_t cta = 0; cta < 2000; ++cta) {
    ASSERT_NE(x.find(cta * 13), nullptr);
    ASSERT_EQ(x.find(cta * 13)->all(), std::max(cta % 7 + 1, 5U));
    ASSERT_EQ(before.find(cta * 13) != nullptr, cta % 3 == 0);
  }
  EXPECT_EQ(x.find(5), nullptr);
}

}  // namespace
}  // namespace rackproof::emulator::check
