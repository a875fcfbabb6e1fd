#pragma once
/// What the race detector hears of one asynchronous operation: at its issue, what it will read and
/// write; at the wait that orders it, that it is over. Between the two nobody else may touch what
/// it writes, or change what it reads (PTX ISA 9.0, sections 8.6 and 9.7.9.25.2).

#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/warp.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec {

class AsyncRecord {
 public:
  /// For an operation that `lane` of `warp` issues now; nullptr if races are not looked for.
  /// `since`: see AsyncToken, from now().
  [[nodiscard]] static std::shared_ptr<AsyncRecord> begin(
      Warp& warp, std::uint32_t lane, std::optional<check::Time> since = std::nullopt);
  /// The checker's time of the warp; 0 without checks.
  [[nodiscard]] static check::Time now(Warp& warp);

  /// The operation will access `bytes` at a shared::cluster address, all of which exist, through
  /// the async proxy. Throws FaultRaised if something is not ordered before it. `what`: "bulk
  /// read".
  void read_shared(std::uint64_t address, std::uint64_t bytes, std::string_view what);
  void write_shared(std::uint64_t address, std::uint64_t bytes, std::string_view what);
  /// Operands of a matrix operation in the shared memory of a CTA of the cluster.
  void read_runs(std::uint32_t rank, std::span<const tensor::SharedRun> runs,
                 std::string_view what);
  /// The same for global memory, by host address.
  void read_global(std::uint64_t address, std::uint64_t bytes, std::string_view what);
  void write_global(std::uint64_t address, std::uint64_t bytes, std::string_view what);
  /// All accesses were named: what the warp does from now on is later.
  void issued();

  /// An mbarrier's phase that the operation completed was seen: its accesses are those of the
  /// issuer at the time of issue, for whoever acquires the mbarrier.
  void end_observed();
  /// Another operation that completes when this one does.
  void add(std::shared_ptr<AsyncRecord> earlier) { earlier_.push_back(std::move(earlier)); }
  [[nodiscard]] bool is_over() const { return regions_.empty() && earlier_.empty(); }
  /// What it has read may be overwritten by whoever knows that, on whatever way.
  void forget_reads();
  /// The issuer has waited for the operation: reads only, or all of it.
  void end_waited(bool reads_only);
  /// What an mbarrier hands on when the operation completes on it.
  [[nodiscard]] const check::Knowledge& knowledge() const { return token_.knowledge; }

 private:
  struct Region {
    Cta* home = nullptr;  ///< nullptr: global memory
    std::uint64_t host = 0;
    std::uint64_t bytes = 0;
    bool writes = false;
  };
  AsyncRecord(Warp& warp, std::uint32_t lane, std::optional<check::Time> since);
  void add(const Region& region, std::uint64_t address, std::string_view what);
  void end(bool writes, bool reads, bool is_waited);

  Cta* cta_;
  check::AsyncToken token_;
  std::vector<Region> regions_;
  std::vector<std::shared_ptr<AsyncRecord>> earlier_;
};

}  // namespace rackproof::emulator::exec
