#pragma once
/// cp.async of one warp: copies in flight, their commit groups, and the arrivals on mbarriers that
/// follow them (PTX ISA 9.0, sections 9.7.9.25 and 9.7.13.15.16).

#include "emulator/async/timing.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace rackproof::emulator::async {

/// One cp.async of a warp. Each thread counts its own commit groups.
struct Copy {
  std::uint32_t pc = 0;     ///< the instruction, for messages
  std::uint32_t lanes = 0;  ///< not yet retired
  bool landed = false;
  std::uint64_t group = 0;       ///< the group it belongs to, the same for all its lanes
  std::uint32_t size_bytes = 0;  ///< 4, 8 or 16
  Moment moment = Moment::at_wait();
  std::array<std::uint64_t, 32> source{};
  std::array<std::uint32_t, 32> destination{};
  std::array<std::uint8_t, 32> source_bytes{};  ///< beyond them the destination is zeroed
  std::uint64_t order = 0;                      ///< set by the queue
};

/// cp.async.mbarrier.arrive: an arrival once all earlier copies of a thread have landed.
struct Arrival {
  std::uint32_t lanes = 0;  ///< still to arrive
  bool adds_pending = false;
  Moment moment = Moment::at_wait();
  std::array<std::uint32_t, 32> barrier{};  ///< shared addresses
  std::uint64_t order = 0;                  ///< set by the queue
};

/// The owner performs the transfers. It has three members: `land(copy, lanes)`, called once a lane
/// when the data moves, `retire(copy, lanes)`, called once a lane when a wait or an arrival has
/// ordered the copy, and `arrive(arrival, lanes)`.
class CopyQueue {
 public:
  [[nodiscard]] bool empty() const { return copies_.empty() && arrivals_.empty(); }

  /// `copy.group` is set here; a copy whose lanes are in different groups is split.
  template <class Owner>
  void issue(Copy copy, Owner& owner) {
    std::uint32_t rest = copy.lanes;
    while (rest != 0) {
      const std::uint64_t group = group_[static_cast<std::size_t>(std::countr_zero(rest))];
      std::uint32_t lanes = 0;
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        lanes |= static_cast<std::uint32_t>(group_[lane] == group) << lane;
      }
      lanes &= rest;
      rest &= ~lanes;
      copy.lanes = lanes;
      copy.group = group;
      copy.order = next_order_++;
      copy.landed = copy.moment.immediate();
      if (copy.landed) {
        owner.land(std::as_const(copy), lanes);
      }
      copies_.push_back(copy);
    }
  }
  /// cp.async.commit_group
  void commit(std::uint32_t lanes) {
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      group_[lane] += lanes >> lane & 1U;
    }
  }
  /// cp.async.wait_group: for `lanes`, all but the latest `pending` committed groups land.
  template <class Owner>
  void wait(std::uint32_t lanes, std::uint64_t pending, Owner& owner) {
    retire_if(lanes, owner, [this, pending](const Copy& copy, std::uint32_t lane) {
      return copy.group + pending < group_[lane];
    });
  }
  /// cp.async.wait_all, and the end of a thread: everything lands, committed or not.
  template <class Owner>
  void wait_all(std::uint32_t lanes, Owner& owner) {
    retire_if(lanes, owner, [](const Copy&, std::uint32_t) { return true; });
    fire_if(owner, [lanes](const Arrival& arrival) { return arrival.lanes & lanes; });
  }
  /// cp.async.mbarrier.arrive.
  template <class Owner>
  void arrive_after(Arrival arrival, Owner& owner) {
    arrival.order = next_order_++;
    arrivals_.push_back(arrival);
    if (arrival.moment.immediate()) {
      fire_if(owner,
              [&](const Arrival& each) { return each.order == arrival.order ? each.lanes : 0; });
    }
  }
  /// Somebody waits for the mbarrier at `address` in vain: arrivals on it come now.
  template <class Owner>
  void demand(std::uint32_t address, Owner& owner) {
    fire_if(owner, [address](const Arrival& arrival) {
      std::uint32_t due = 0;
      for (std::uint32_t lane = 0; lane < 32; ++lane) {
        due |= static_cast<std::uint32_t>(arrival.barrier[lane] == address) << lane;
      }
      return due & arrival.lanes;
    });
  }
  /// Nothing else can progress: the oldest arrival comes. False: there is none.
  template <class Owner>
  bool force(Owner& owner) {
    if (arrivals_.empty()) {
      return false;
    }
    const std::uint64_t order = arrivals_.front().order;
    fire_if(owner, [order](const Arrival& each) { return each.order == order ? each.lanes : 0; });
    return true;
  }
  /// A scheduling step: whatever was drawn to land by now does.
  template <class Owner>
  void step(Owner& owner) {
    for (Copy& copy : copies_) {
      if (!copy.landed && copy.moment.step()) {
        copy.landed = true;
        owner.land(std::as_const(copy), copy.lanes);
      }
    }
    for (Arrival& arrival : arrivals_) {
      if (arrival.moment.step()) {
        const std::uint64_t order = arrival.order;
        fire_if(owner,
                [order](const Arrival& each) { return each.order == order ? each.lanes : 0; });
        break;  // arrivals_ has changed; the others have their turn later
      }
    }
  }

 private:
  /// `due(arrival)`: its lanes that arrive now, after their earlier copies.
  template <class Owner, class Due>
  void fire_if(Owner& owner, Due&& due) {
    for (std::size_t i = 0; i < arrivals_.size();) {
      Arrival& arrival = arrivals_[i];
      if (const std::uint32_t ready = due(arrival); ready != 0) {
        retire_if(ready, owner, [&arrival](const Copy& copy, std::uint32_t) {
          return copy.order < arrival.order;
        });
        arrival.lanes &= ~ready;
        owner.arrive(std::as_const(arrival), ready);
      }
      if (arrivals_[i].lanes == 0) {
        arrivals_.erase(arrivals_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
  }

  template <class Owner, class Due>
  void retire_if(std::uint32_t lanes, Owner& owner, Due&& due) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < copies_.size(); ++i) {
      Copy& copy = copies_[i];
      std::uint32_t ready = 0;
      for (std::uint32_t rest = copy.lanes & lanes; rest != 0; rest &= rest - 1) {
        const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
        ready |= static_cast<std::uint32_t>(due(copy, lane)) << lane;
      }
      if (ready != 0) {
        if (!copy.landed) {
          owner.land(std::as_const(copy), ready);
        }
        owner.retire(std::as_const(copy), ready);
        copy.lanes &= ~ready;
      }
      if (copy.lanes != 0) {
        if (kept != i) {
          copies_[kept] = copy;
        }
        ++kept;
      }
    }
    copies_.resize(kept);
  }

  std::vector<Copy> copies_;               ///< not yet retired, in order of issue
  std::array<std::uint64_t, 32> group_{};  ///< the open group of each lane
  std::vector<Arrival> arrivals_;          ///< in order of issue
  std::uint64_t next_order_ = 0;
};

}  // namespace rackproof::emulator::async
