#pragma once
/// What somebody knows of all CTAs: a persistent map from CTA to CtaKnowledge. Copies share their
/// parts, so that a clock of 100,000 CTAs is passed on for the price of a pointer, and joining two
/// clocks costs where they differ.

#include "emulator/check/cta_knowledge.hpp"

#include <cstdint>
#include <memory>

namespace rackproof::emulator::check {

class Clock {
 public:
  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  /// nullptr: nothing is known of that CTA (by its serial number).
  [[nodiscard]] const CtaKnowledge* find(std::uint32_t cta) const;
  /// Adds to what is known of one CTA.
  void add(std::uint32_t cta, const CtaKnowledge& knowledge);
  /// Replaces it.
  void set(std::uint32_t cta, CtaKnowledge knowledge);
  void join(const Clock& other);
  void clear() { root_ = nullptr; }

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
};

/// What of a knowledge lies before a fence.proxy.async, by the memory that the fence named.
struct ProxiedClock {
  Clock shared;
  Clock global;

  [[nodiscard]] bool empty() const { return shared.empty() && global.empty(); }
  void clear() {
    shared.clear();
    global.clear();
  }
  void join(const ProxiedClock& other) {
    shared.join(other.shared);
    global.join(other.global);
  }
};

}  // namespace rackproof::emulator::check
