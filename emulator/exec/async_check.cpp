#include "emulator/exec/async_check.hpp"

#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/places.hpp"

#include <string>

namespace rackproof::emulator::exec {

AsyncRecord::AsyncRecord(Warp& warp, std::uint32_t lane, std::optional<check::Time> since)
    : cta_(&warp.cta()),
      token_(warp.cta().checker()->issue_async(warp.index(), lane, warp.pc() - 1, since)) {
  token_.wants_proxy_fence = warp.kernel().has_proxy_fence;
}

std::shared_ptr<AsyncRecord> AsyncRecord::begin(Warp& warp, std::uint32_t lane,
                                                std::optional<check::Time> since) {
  const check::CtaChecker* const checker = warp.cta().checker();
  return checker != nullptr && checker->checks_races()
             ? std::shared_ptr<AsyncRecord>(new AsyncRecord(warp, lane, since))
             : nullptr;
}

check::Time AsyncRecord::now(Warp& warp) {
  const check::CtaChecker* const checker = warp.cta().checker();
  return checker != nullptr ? checker->now(warp.index()) : 0;
}

void AsyncRecord::read_shared(std::uint64_t address, std::uint64_t bytes, std::string_view what) {
  Cta& home = cta_->cluster().cta(static_cast<std::uint32_t>(address >> kClusterRankShift));
  add({&home, address + home.shared_bias(), bytes, false}, address, what);
}

void AsyncRecord::write_shared(std::uint64_t address, std::uint64_t bytes, std::string_view what) {
  Cta& home = cta_->cluster().cta(static_cast<std::uint32_t>(address >> kClusterRankShift));
  add({&home, address + home.shared_bias(), bytes, true}, address, what);
}

void AsyncRecord::read_runs(std::uint32_t rank, std::span<const tensor::SharedRun> runs,
                            std::string_view what) {
  const std::uint64_t window = std::uint64_t{rank} << kClusterRankShift;
  for (const tensor::SharedRun& run : runs) {
    read_shared(window | run.begin, run.end - run.begin, what);
  }
}

void AsyncRecord::read_global(std::uint64_t address, std::uint64_t bytes, std::string_view what) {
  add({nullptr, address, bytes, false}, address, what);
}

void AsyncRecord::write_global(std::uint64_t address, std::uint64_t bytes, std::string_view what) {
  add({nullptr, address, bytes, true}, address, what);
}

void AsyncRecord::issued() {
  cta_->checker()->async_issued(token_);
}

void AsyncRecord::add(const Region& region, std::uint64_t address, std::string_view what) {
  check::CtaChecker* const home = region.home == nullptr ? nullptr : region.home->checker();
  const check::Finding finding =
      cta_->checker()->begin_async(token_, home, region.host, region.bytes, region.writes);
  regions_.push_back(region);
  if (finding.kind == check::Finding::Kind::none) [[likely]] {
    return;
  }
  const GridContext& grid = cta_->grid();
  const check::Grid* const other = grid.detector->grid_of(finding.earlier.cta);
  const std::string earlier = other == nullptr ? std::string("an earlier grid")
                                               : other->describe(finding.earlier, finding.unit);
  const std::uint64_t at = finding.address - region.host + address;
  const std::string text =
      std::string(what) + " of " + std::to_string(region.bytes) + " bytes at " + hex(address) +
      (region.home == nullptr ? " (" + grid.describe_address(address) + ")" : std::string()) +
      ": at " + hex(at) + " it ";
  switch (finding.kind) {
    case check::Finding::Kind::unfenced: {
      const std::string unfenced = text + "reads what " + earlier +
                                   " wrote through the generic proxy, and no fence.proxy.async "
                                   "lies between (PTX ISA 9.7.13.7)";
      if (token_.wants_proxy_fence) {
        throw FaultRaised(Fault::Kind::race, token_.lane, unfenced);
      }
      note(grid, *cta_, cta_->warp(token_.warp), token_.lane,
           unfenced + "; it is not demanded of this kernel, which has none at all");
      return;
    }
    case check::Finding::Kind::after_copy:
      throw FaultRaised(Fault::Kind::race, token_.lane,
                        text + "is not ordered after the asynchronous write of " + earlier +
                            " (nobody has waited for that)");
    case check::Finding::Kind::after_async_read:
      throw FaultRaised(Fault::Kind::race, token_.lane,
                        text + "is not ordered after the asynchronous read of " + earlier +
                            " (nobody has waited for that)");
    case check::Finding::Kind::after_read:
      throw FaultRaised(Fault::Kind::race, token_.lane,
                        text + "is not ordered after the read by " + earlier);
    default:
      throw FaultRaised(Fault::Kind::race, token_.lane,
                        text + "is not ordered after the write by " + earlier);
  }
}

void AsyncRecord::end(bool writes, bool reads, bool is_waited) {
  for (const Region& region : regions_) {
    if (region.writes ? writes : reads) {
      check::CtaChecker* const home = region.home == nullptr ? nullptr : region.home->checker();
      cta_->checker()->end_async(token_, home, region.host, region.bytes, region.writes, is_waited);
    }
  }
  std::erase_if(regions_, [&](const Region& region) { return region.writes ? writes : reads; });
}

void AsyncRecord::end_observed() {
  end(true, true, false);
  for (const std::shared_ptr<AsyncRecord>& each : earlier_) {
    each->end_observed();
  }
  earlier_.clear();
}

void AsyncRecord::forget_reads() {
  token_.time = 0;
  end(false, true, false);
}

void AsyncRecord::end_waited(bool reads_only) {
  end(!reads_only, true, true);
}

}  // namespace rackproof::emulator::exec
