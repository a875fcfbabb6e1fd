// Asynchronous operations against the shadow: what they touch belongs to them until somebody has
// waited; what the generic proxy wrote they see behind a proxy fence only.
#include "emulator/check/cta_checker.hpp"
#include "emulator/check/view.hpp"

#include <algorithm>

namespace rackproof::emulator::check {
namespace {

// Calls visit(line address, word bits) until it returns false.
template <class Visit>
void for_each_line(std::uint64_t address, std::uint64_t bytes, Visit&& visit) {
  const std::uint64_t end = address + bytes;
  for (std::uint64_t line = address & ~std::uint64_t{kLineBytes - 1}; line < end;
       line += kLineBytes) {
    const std::uint64_t from = std::max(address, line) - line;
    const std::uint64_t to = std::min(end - line, std::uint64_t{kLineBytes});
    const auto first = static_cast<std::uint32_t>(from / 4);
    if (!visit(line, unit_mask(first, static_cast<std::uint32_t>((to + 3) / 4) - first))) {
      return;
    }
  }
}

// Operations that other lanes of the instruction issued.
bool is_of_same_instruction(const Access& earlier, const Access& now, const AsyncToken& token) {
  const bool is_async =
      earlier.strength() == Strength::in_flight || earlier.strength() == Strength::async_proxy;
  return is_async && earlier.cta == now.cta && earlier.pc() == now.pc() &&
         earlier.warp() == now.warp() && earlier.time() >= token.since;
}

}  // namespace

void CtaChecker::proxy_fence(std::uint32_t index, std::uint32_t lanes, bool shared, bool global) {
  if (!options_.races) {
    return;
  }
  WarpState& warp = warps_[index];
  const Clock now = publish(warp, index, lanes);
  ProxiedClock& proxied = pending(warp).proxied;
  if (shared) {
    proxied.shared.join(now);
  }
  if (global) {
    proxied.global.join(now);
  }
  advance(warp);
}

AsyncToken CtaChecker::issue_async(std::uint32_t index, std::uint32_t lane, std::uint32_t pc,
                                   std::optional<Time> since) {
  WarpState& warp = warps_[index];
  AsyncToken token;
  token.warp = index;
  token.lane = lane;
  token.pc = pc;
  token.time = warp.time;
  token.since = since.value_or(warp.time);
  warp.dirty = true;
  token.knowledge.known = publish(warp, index, 1U << lane);
  if (warp.pending) {
    token.knowledge.proxied = warp.pending->proxied;
  }
  return token;
}

void CtaChecker::async_issued(const AsyncToken& token) {
  advance(warps_[token.warp]);
}

Finding CtaChecker::begin_async(const AsyncToken& token, CtaChecker* home, std::uint64_t address,
                                std::uint64_t bytes, bool writes) {
  const View view(*this, token.warp, home == this);
  const ProxiedClock& both = token.knowledge.proxied;
  const Clock& proxied = home == nullptr ? both.global : both.shared;
  // Reads through the async proxy need a proxy fence behind generic writes of the same grid.
  const auto fenced = [&](const Access& earlier, std::uint32_t units) {
    if ((home == nullptr && !grid_->holds(earlier.cta)) ||
        earlier.strength() == Strength::async_proxy || earlier.strength() == Strength::in_flight) {
      return true;
    }
    const CtaKnowledge* const known = proxied.find(earlier.cta);
    const std::uint32_t lane = earlier.lane_of(static_cast<std::uint32_t>(std::countr_zero(units)));
    return known != nullptr && known->knows(earlier.warp(), lane, earlier.time());
  };
  // Nothing is pruned for being old: an old write may lack its fence.
  struct Ordered {
    decltype(view)& known;
    decltype(fenced)& visible;
    [[nodiscard]] Time known_to_all() const { return 0; }
    bool operator()(const Access& earlier, const Access& now, std::uint32_t units) const {
      return known(earlier, now, units) && visible(earlier, units);
    }
  };
  const Ordered ordered{view, fenced};
  struct Written {
    decltype(view)& known;
    const AsyncToken& token;
    [[nodiscard]] Time known_to_all() const { return known.known_to_all(); }
    bool operator()(const Access& earlier, const Access& now, std::uint32_t units) const {
      return known(earlier, now, units) || is_of_same_instruction(earlier, now, token);
    }
  };
  const Written written{view, token};
  Access access;
  access.cta = cta_;
  access.set_where(token.pc, token.warp, token.lane);
  access.set_when(token.time, lane_code::kSingle, Scope::cta, Strength::in_flight);
  Finding finding;
  const auto find = [&](const Conflict& conflict, const Piece& piece, Finding::Kind kind) {
    const auto unit = static_cast<std::uint32_t>(std::countr_zero(conflict.units));
    finding = {kind, piece.address_of(unit), token.lane, conflict.earlier, unit, nullptr};
  };
  const auto judge = [&](Line& line, const Access& now, const Piece& piece) {
    Conflict conflict = writes ? line.write(now, written, true) : line.read(now, ordered);
    if (!conflict.found) [[likely]] {
      return true;
    }
    if (conflict.earlier.strength() == Strength::in_flight) {
      find(conflict, piece,
           conflict.earlier_was_read ? Finding::Kind::after_async_read : Finding::Kind::after_copy);
      return false;
    }
    if (!writes && view(conflict.earlier, now, conflict.units)) {
      if (finding.kind == Finding::Kind::none) {
        find(conflict, piece, Finding::Kind::unfenced);
      }
      if (token.wants_proxy_fence) {
        return false;
      }
      conflict = line.read(now, view);
      if (!conflict.found) {
        return true;
      }
    }
    find(conflict, piece,
         conflict.earlier_was_read ? Finding::Kind::after_read : Finding::Kind::after_write);
    return false;
  };
  for_each_line(address, bytes, [&](std::uint64_t at, std::uint32_t units) {
    Line& line = home == nullptr ? detector_->line(at) : home->shared_line(at);
    Piece piece;
    piece.line = at;
    access.units = units;
    if (!line.is_split()) [[likely]] {
      return judge(line, access, piece);
    }
    piece.is_bytes = true;
    for (piece.part = 0; piece.part < 4; ++piece.part) {
      const Access part = to_bytes(access, piece.part);
      if (part.units != 0 && !judge(line.part(piece.part), part, piece)) {
        return false;
      }
    }
    return true;
  });
  return finding;
}

std::optional<Access> CtaChecker::in_flight_from_others() {
  const auto is_harmless = [this](const Access& earlier, const Access&, std::uint32_t) {
    return earlier.cta == cta_ || earlier.strength() != Strength::in_flight;
  };
  Access all;
  all.units = ~0U;
  for (Line& line : shared_) {
    for (std::uint32_t part = 0; part < (line.is_split() ? 4U : 1U); ++part) {
      const Line& each = line.is_split() ? line.part(part) : line;
      if (const Conflict conflict = each.probe(all, is_harmless, true); conflict.found) {
        return conflict.earlier;
      }
    }
  }
  return std::nullopt;
}

void CtaChecker::end_async(const AsyncToken& token, CtaChecker* home, std::uint64_t address,
                           std::uint64_t bytes, bool writes, bool is_waited) {
  WarpState& warp = warps_[token.warp];
  Access access;
  access.cta = cta_;
  access.set_where(token.pc, token.warp, token.lane);
  access.set_when(is_waited ? warp.time : token.time, lane_code::kSingle, Scope::cta,
                  Strength::async_proxy);
  warp.dirty = warp.dirty || is_waited;
  for_each_line(address, bytes, [&](std::uint64_t at, std::uint32_t units) {
    Line& line = home == nullptr ? detector_->line(at) : home->shared_line(at);
    access.units = units;
    if (!line.is_split()) [[likely]] {
      line.end_in_flight(access, writes);
      return true;
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
      if (const Access part = to_bytes(access, i); part.units != 0) {
        line.part(i).end_in_flight(part, writes);
      }
    }
    return true;
  });
}

}  // namespace rackproof::emulator::check
