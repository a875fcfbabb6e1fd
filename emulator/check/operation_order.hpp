#pragma once
/// Which operations of streams happened before which: stream order, events, and what the host
/// waited for; within an execution of a graph, its dependencies.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace rackproof::emulator::check {

/// For each stream the number of its operations that happened before.
class OperationClock {
 public:
  void note(std::uint64_t stream, std::uint64_t sequence) {
    for (auto& [known, upto] : streams_) {
      if (known == stream) {
        upto = std::max(upto, sequence);
        return;
      }
    }
    streams_.emplace_back(stream, sequence);
  }
  void join(const OperationClock& other) {
    for (const auto& [stream, sequence] : other.streams_) {
      note(stream, sequence);
    }
  }
  [[nodiscard]] bool knows(std::uint64_t stream, std::uint64_t sequence) const {
    return std::any_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
      return entry.first == stream && entry.second >= sequence;
    });
  }
  /// Knows all that `other` knows.
  [[nodiscard]] bool covers(const OperationClock& other) const {
    return std::all_of(other.streams_.begin(), other.streams_.end(),
                       [this](const auto& entry) { return knows(entry.first, entry.second); });
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> streams_;
};

/// Nodes of one execution of a graph, by their numbers from 1.
class NodeSet {
 public:
  void insert(std::uint32_t node) {
    words_.resize(std::max<std::size_t>(words_.size(), node / 64 + 1));
    words_[node / 64] |= std::uint64_t{1} << node % 64;
  }
  void join(const NodeSet& other) {
    words_.resize(std::max(words_.size(), other.words_.size()));
    for (std::size_t i = 0; i < other.words_.size(); ++i) {
      words_[i] |= other.words_[i];
    }
  }
  [[nodiscard]] bool contains(std::uint32_t node) const {
    return node / 64 < words_.size() && (words_[node / 64] >> node % 64 & 1U) != 0;
  }

 private:
  std::vector<std::uint64_t> words_;
};

/// An operation: number `sequence` of its stream, after all that `before` holds. Sequence 0: it is
/// ordered after everything so far (there are no streams).
struct OperationOrder {
  std::uint64_t stream = 0;
  std::uint64_t sequence = 0;
  OperationClock before;
  /// The nodes of a graph's execution have its stream and sequence. 0: no node.
  std::uint32_t node = 0;
  std::shared_ptr<const NodeSet> earlier_nodes = nullptr;  ///< of the same execution; nullptr: none
  /// A programmatic launch: griddepcontrol.wait waits for what comes before it in its stream, or
  /// for these nodes, though it does not follow them.
  bool is_programmatic = false;
  std::shared_ptr<const NodeSet> awaited_nodes = nullptr;

  /// `other` happened before this one.
  [[nodiscard]] bool follows(const OperationOrder& other) const {
    if (sequence == 0 || other.sequence == 0) {
      return true;
    }
    if (stream == other.stream && sequence == other.sequence) {
      return node == 0 || other.node == 0 || node == other.node ||
             (earlier_nodes != nullptr && earlier_nodes->contains(other.node));
    }
    return before.knows(other.stream, other.sequence);
  }
  /// griddepcontrol.wait waits for `other`, which may have begun earlier.
  [[nodiscard]] bool awaits(const OperationOrder& other) const {
    if (!is_programmatic || stream != other.stream) {
      return false;
    }
    return sequence == other.sequence
               ? awaited_nodes != nullptr && awaited_nodes->contains(other.node)
               : other.sequence < sequence;
  }
};

}  // namespace rackproof::emulator::check
