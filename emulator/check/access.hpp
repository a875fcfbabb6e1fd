#pragma once
/// One access of a warp to some units (words or bytes) of a shadow line, in 16 bytes.

#include <bit>
#include <cstdint>

namespace rackproof::emulator::check {

/// How far an operation reaches (PTX ISA 9.0, section 8.5). Clusters count as device: silence.
enum class Scope : std::uint8_t { cta, device, system };
/// Strong accesses do not race with strong ones whose scope includes them (PTX ISA, 8.7.1).
/// in_flight: of an asynchronous operation that nobody has waited for; async_proxy: of one that is
/// over, whose writes other asynchronous operations may read without a proxy fence.
enum class Strength : std::uint8_t { weak, strong, in_flight, async_proxy };

/// Counts the synchronisations of one CTA. It saturates: what comes later counts as ordered.
using Time = std::uint32_t;
inline constexpr Time kLastTime = (1U << 25) - 2;

/// Which lane accessed which unit: lane (base + (unit >> code)) % 32 for codes up to 4.
namespace lane_code {
inline constexpr std::uint32_t kSingle = 5;
inline constexpr std::uint32_t kUnknown = 6;  ///< not kept: never reported within the warp
inline constexpr std::uint32_t kSeveral = 7;  ///< each unit by more than one lane
}  // namespace lane_code

struct Access {
  std::uint32_t cta = 0;    ///< serial number over all grids
  std::uint32_t where = 0;  ///< pc, warp, lane
  std::uint32_t when = 0;   ///< time, lane code, scope, strength
  std::uint32_t units = 0;  ///< a bit a unit of the line; 0: no access

  void set_where(std::uint32_t pc, std::uint32_t warp, std::uint32_t lane) {
    where = pc << 10 | warp << 5 | (lane & 31U);
  }
  void set_when(Time time, std::uint32_t code, Scope scope, Strength strength) {
    when = time << 7 | code << 4 | static_cast<std::uint32_t>(scope) << 2 |
           static_cast<std::uint32_t>(strength);
  }
  void set_lanes(std::uint32_t lane, std::uint32_t code) {
    where = (where & ~31U) | (lane & 31U);
    when = (when & ~(7U << 4)) | code << 4;
  }
  [[nodiscard]] std::uint32_t pc() const { return where >> 10; }
  [[nodiscard]] std::uint32_t warp() const { return where >> 5 & 31U; }
  [[nodiscard]] std::uint32_t base_lane() const { return where & 31U; }
  [[nodiscard]] Time time() const { return when >> 7; }
  [[nodiscard]] std::uint32_t code() const { return when >> 4 & 7U; }
  [[nodiscard]] Scope scope() const { return static_cast<Scope>(when >> 2 & 3U); }
  [[nodiscard]] Strength strength() const { return static_cast<Strength>(when & 3U); }
  [[nodiscard]] std::uint32_t lane_of(std::uint32_t unit) const {
    return code() < lane_code::kSingle ? (base_lane() + (unit >> code())) & 31U : base_lane();
  }
  [[nodiscard]] std::uint32_t first_lane() const {
    return lane_of(static_cast<std::uint32_t>(std::countr_zero(units)));
  }
  /// All units by the lane of the first.
  [[nodiscard]] bool has_one_lane() const {
    return code() == lane_code::kSingle ||
           (code() < lane_code::kSingle &&
            std::countr_zero(units) >> code() == (31 - std::countl_zero(units)) >> code());
  }
  /// The same warp instruction or a later one that no synchronisation separates.
  [[nodiscard]] bool same_epoch(const Access& other) const {
    return cta == other.cta && (where >> 5 & 31U) == (other.where >> 5 & 31U) &&
           (when & ~(7U << 4)) == (other.when & ~(7U << 4));
  }
  [[nodiscard]] bool same_lanes(const Access& other) const {
    return base_lane() == other.base_lane() && code() == other.code();
  }
};
static_assert(sizeof(Access) == 16);

/// An access to one unit, whose number is kept elsewhere.
struct Stamp {
  std::uint32_t cta = 0;
  std::uint32_t where = 0;
  std::uint32_t when = 0;  ///< 0: none

  [[nodiscard]] static Stamp of(Access access, std::uint32_t unit) {
    if (access.code() < lane_code::kSingle) {
      access.set_lanes(access.lane_of(unit), lane_code::kSingle);
    }
    return {access.cta, access.where, access.when};
  }
  [[nodiscard]] Access access(std::uint32_t unit) const { return {cta, where, when, 1U << unit}; }
};

}  // namespace rackproof::emulator::check
