#pragma once
/// The checks of one CTA's accesses: clocks of its warps, shadow of its shared memory.

#include "emulator/check/cta_knowledge.hpp"
#include "emulator/check/detector.hpp"
#include "emulator/check/pieces.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace rackproof::emulator::check {

enum class AccessKind : std::uint8_t { read, write, atomic };
/// Memory semantics of an instruction; weak ones do not synchronise.
enum class Semantics : std::uint8_t { weak, relaxed, acquire, release, acq_rel };

/// The accesses of one warp instruction in one space, by host addresses.
struct Request {
  AccessKind kind = AccessKind::read;
  Semantics semantics = Semantics::weak;
  Scope scope = Scope::device;
  std::uint32_t warp = 0;
  std::uint32_t pc = 0;
  Row row;
  bool reads_old = false;  ///< an atomic whose result depends on what was there
  /// Writes: what lane l is about to write is at data + l * stride.
  const std::byte* data = nullptr;
  std::uint32_t stride = 0;
};

struct Finding {
  enum class Kind : std::uint8_t {
    none,
    uninitialised,
    after_write,
    after_read,
    after_copy,        ///< an asynchronous copy that is still in flight
    after_async_read,  ///< the source of one
    unfenced,          ///< a generic write that no proxy fence makes visible to the async proxy
    after_range,       ///< a copy or fill of another stream
  };
  Kind kind = Kind::none;
  std::uint64_t address = 0;
  std::uint32_t lane = 0;
  Access earlier;          ///< after_write, after_read, after_copy
  std::uint32_t unit = 0;  ///< earlier.lane_of(unit) is the lane
  const RangeAccess* range = nullptr;
};

/// What somebody knows, and what of it lies before a proxy fence.
struct Knowledge {
  Clock known;
  ProxiedClock proxied;
};

/// One asynchronous operation: its issuer and what that knew.
struct AsyncToken {
  std::uint32_t warp = 0;
  std::uint32_t lane = 0;
  std::uint32_t pc = 0;
  Time time = 0;
  /// Lanes of one instruction issue one operation each from this time on: which of them writes a
  /// place last is undefined, as of a store, and no race.
  Time since = 0;
  bool wants_proxy_fence = true;  ///< else a missing one is found, but the access is remembered
  Knowledge knowledge;
};

/// What those that arrive at a barrier bring, for those that leave it.
struct BarrierClock {
  bool used = false;
  CtaKnowledge own;
  Clock foreign;
  std::array<Clock, kScopes> released;
  std::array<Clock, kScopes> observed;
  Clock counted;
  ProxiedClock proxied;
  Clock answered;
};

class CtaChecker {
 public:
  struct Options {
    bool shared_init = true;
    bool races = true;
  };
  /// `shared`: host address of the CTA's shared memory, a multiple of kLineBytes. Without races,
  /// `detector` and `grid` may be nullptr.
  CtaChecker(Detector* detector, Grid* grid, std::uint64_t cta_index, std::uint32_t warps,
             std::uint64_t shared, std::uint32_t shared_bytes, Options options);

  [[nodiscard]] bool checks_races() const { return options_.races; }
  [[nodiscard]] Finding global(const Request& request);
  [[nodiscard]] Finding shared(const Request& request);
  /// Lanes that read words of shared memory of which nobody wrote a byte, if they are all or lie
  /// below a word that was written. Past the end of what was written correct programs read, too.
  [[nodiscard]] std::uint32_t lanes_in_gaps(const Row& row) const;
  /// Accesses to the shared memory of another CTA of the cluster.
  [[nodiscard]] Finding distributed(const Request& request, CtaChecker& home);

  /// cp.async: the destination belongs to the copy until landed() is told.
  [[nodiscard]] Finding begin_copy(std::uint32_t warp, std::uint32_t pc, const Row& destination);
  void end_copy(std::uint32_t warp, std::uint32_t pc, std::uint32_t lane, std::uint64_t address,
                std::uint32_t bytes);

  /// Nobody wrote these bytes of shared memory after all: what was written was worth nothing.
  void forget_initialised(std::uint64_t address, std::uint32_t bytes);

  /// A strong atomic of the CTA's own machinery: an mbarrier's arrival behind copies.
  void shared_arrive(std::uint32_t warp, std::uint64_t address);

  /// Another CTA of the cluster, or an asynchronous operation, arrived on the mbarrier at
  /// `address`, with what it knows.
  void shared_release(std::uint64_t address, const Knowledge& knowledge);
  /// Synchronisation beyond the CTA (cluster barriers): what `lanes` of `warp` know joins
  /// `knowledge`; what that holds, `warp` knows from now on.
  void release_to(std::uint32_t warp, std::uint32_t lanes, Knowledge& knowledge);
  /// The same by a relaxed arrival: what `warp` has fenced.
  void release_fenced_to(std::uint32_t warp, Knowledge& knowledge) const;
  void acquire_from(std::uint32_t warp, const Knowledge& knowledge);

  /// griddepcontrol.wait: the grids that it waits for have ended.
  void await_grids(std::uint32_t warp);

  /// Asynchronous operations will have written these bytes of the CTA's shared memory.
  void expect_written(std::uint64_t address, std::uint64_t bytes) {
    if (options_.shared_init && bytes != 0) {
      mark_initialised(address, static_cast<std::uint32_t>(bytes));
    }
  }

  // cta_async.cpp. Accesses of the async proxy, by host addresses: to shared memory of the CTA of
  // `home`, or to global memory (nullptr). Only with races.
  /// fence.proxy.async: what is known now is visible to the async proxy, in these memories.
  void proxy_fence(std::uint32_t warp, std::uint32_t lanes, bool shared, bool global);
  /// Begins an operation; its accesses follow, then async_issued().
  /// `since`: when the instruction began of which this is one lane; now, if it has no others.
  [[nodiscard]] AsyncToken issue_async(std::uint32_t warp, std::uint32_t lane, std::uint32_t pc,
                                       std::optional<Time> since);
  [[nodiscard]] Time now(std::uint32_t warp) const { return warps_[warp].time; }
  void async_issued(const AsyncToken& token);
  /// What is touched belongs to the operation from now on.
  [[nodiscard]] Finding begin_async(const AsyncToken& token, CtaChecker* home,
                                    std::uint64_t address, std::uint64_t bytes, bool writes);
  /// The access is over. `is_waited`: the issuer waited for it, so it is as if it were made now;
  /// else it counts as made at issue, and whoever acquires its mbarrier knows that.
  void end_async(const AsyncToken& token, CtaChecker* home, std::uint64_t address,
                 std::uint64_t bytes, bool writes, bool is_waited);

  void fence(std::uint32_t warp, std::uint32_t lanes, Scope scope);
  /// The serial number of the CTA in clocks.
  [[nodiscard]] std::uint32_t serial() const { return cta_; }
  /// What others know that synchronise with `warp` now.
  [[nodiscard]] Clock knowledge(std::uint32_t warp) const;
  /// Some warp of the CTA knows of an access of `warp` in another CTA.
  [[nodiscard]] bool anybody_knows(std::uint32_t cta, std::uint32_t warp, std::uint32_t lane,
                                   Time time) const;
  /// An asynchronous operation of another CTA on this one's shared memory that nobody has seen
  /// complete.
  [[nodiscard]] std::optional<Access> in_flight_from_others();
  /// The time of an access of `warp` to memory that is not tracked here.
  [[nodiscard]] Time touch(std::uint32_t warp);
  /// A warp-wide synchronisation of `warp`.
  void warp_sync(std::uint32_t warp);
  void arrive(std::uint32_t warp, std::uint32_t lanes, BarrierClock& barrier);
  /// `whole_warp`: all live lanes of the warp leave together.
  void depart(std::uint32_t warp, const BarrierClock& barrier, bool whole_warp);
  /// The barrier that all threads of the CTA have reached: departs for all warps.
  void release_all(const BarrierClock& barrier);

 private:
  struct Pending {  ///< only for warps that fence or use strong accesses
    std::array<Clock, kScopes> released;
    std::array<Clock, kScopes> observed;
    Clock counted;   ///< of `observed`, what own atomics saw
    Clock answered;  ///< reads that a relaxed store came after, which was seen: see is_coherent
    std::vector<std::uint64_t> seen_snapshots;  ///< the newest of each warp
    ProxiedClock proxied;                       ///< what lies before a proxy fence
    std::uint64_t seen_address = 0;
    std::uint64_t seen_version = 0;
  };
  /// What a warp knew when it wrote a shared word with a strong access.
  static constexpr std::uint32_t kNoWarp = ~std::uint32_t{0};
  struct Snapshot {
    std::uint32_t warp = 0;    ///< kNoWarp: other CTAs of the cluster joined in
    std::uint64_t number = 0;  ///< later ones of a warp know more
    Time time = 0;
    BarrierClock clock;
  };
  struct WarpState {
    Time time = 1;
    Time sync = 1;       ///< accesses before this time are ordered among the lanes
    bool dirty = false;  ///< has accessed memory at `time`
    CtaKnowledge own;
    Clock foreign;
    std::unique_ptr<Pending> pending;
  };
  class View;

  [[nodiscard]] Pending& pending(WarpState& warp);
  void advance(WarpState& warp);
  void acquire(WarpState& warp, const Clock& clock);
  [[nodiscard]] Clock publish(const WarpState& warp, std::uint32_t index,
                              std::uint32_t lanes) const;
  /// `may_cache`: what is read may stay in an L1.
  template <class LineOf>
  Finding check(const Request& request, bool is_shared, bool may_cache, LineOf&& line_of);
  Finding check_piece(const Request& request, const Piece& piece, Access access, const View& view,
                      Line& line);
  /// Without an acquiring fence, but nothing on a GPU could be late.
  [[nodiscard]] bool is_coherent(const Request& request, const Piece& piece, const Access& now,
                                 const Line& line, const View& view,
                                 const Conflict& conflict) const;
  [[nodiscard]] bool changes_nothing(const Request& request, const Piece& piece,
                                     const Conflict& conflict) const;
  void observe(const Request& request);
  void publish_writes(const Request& request);
  void synchronise_shared(const Request& request);
  void acquire_shared(std::uint32_t warp, std::uint64_t address);
  [[nodiscard]] std::shared_ptr<const Snapshot> take_snapshot(std::uint32_t warp);
  [[nodiscard]] std::shared_ptr<const Snapshot>& shared_location(std::uint64_t address) {
    return shared_locations_[(address - shared_base_) / 4];
  }
  void synchronise_with(CtaChecker& home, const Request& request);
  [[nodiscard]] Line& shared_line(std::uint64_t address) {
    return shared_[(address - shared_base_) / kLineBytes];
  }
  [[nodiscard]] bool is_initialised(std::uint64_t address, std::uint32_t bytes) const;
  /// Compilers join loads of neighbours into one that covers gaps, whose bytes nobody uses.
  [[nodiscard]] bool is_initialised_anywhere(std::uint64_t address, std::uint32_t bytes) const;
  void mark_initialised(std::uint64_t address, std::uint32_t bytes);
  [[nodiscard]] std::uint32_t unwritten_lanes(const Row& row) const;

  Detector* detector_;
  Grid* grid_;
  std::uint32_t cta_ = 0;  ///< serial number
  Options options_;
  std::uint64_t shared_base_ = 0;
  Time now_ = 1;
  std::vector<WarpState> warps_;
  std::vector<std::uint64_t> initialised_;  ///< a bit a byte of shared memory
  std::vector<Line> shared_;
  std::vector<std::shared_ptr<const Snapshot>> shared_locations_;  ///< by word; empty: none yet
  std::uint64_t next_snapshot_ = 1;
};

}  // namespace rackproof::emulator::check
