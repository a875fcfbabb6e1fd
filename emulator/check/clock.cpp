#include "emulator/check/clock.hpp"

#include <bit>
#include <utility>
#include <vector>

namespace rackproof::emulator::check {
namespace {

constexpr unsigned kBits = 4;
constexpr std::uint32_t kFan = 1U << kBits;

using NodePtr = std::shared_ptr<const Clock::Node>;

}  // namespace

/// A radix tree without one-child chains: `prefix` is the serial number without its low `shift`
/// bits; children are numbered by the next kBits. shift 0: a leaf.
struct Clock::Node {
  std::uint32_t prefix = 0;
  unsigned shift = 0;
  CtaKnowledge leaf;
  std::vector<NodePtr> children;  ///< kFan of them; a leaf has none

  [[nodiscard]] std::uint32_t child_of(std::uint32_t key) const {
    return key >> (shift - kBits) & (kFan - 1);
  }
};

namespace {

std::uint32_t prefix_of(std::uint32_t key, unsigned shift) {
  return shift >= 32 ? 0 : key >> shift << shift;
}

NodePtr make_leaf(std::uint32_t key, CtaKnowledge knowledge) {
  auto node = std::make_shared<Clock::Node>();
  node->prefix = key;
  node->leaf = std::move(knowledge);
  return node;
}

// A parent of two nodes that share no subtree.
NodePtr make_parent(const NodePtr& x, const NodePtr& y) {
  const auto different = static_cast<unsigned>(32 - std::countl_zero(x->prefix ^ y->prefix));
  const unsigned shift = (different + kBits - 1) / kBits * kBits;
  auto node = std::make_shared<Clock::Node>();
  node->shift = shift;
  node->prefix = prefix_of(x->prefix, shift);
  node->children.resize(kFan);
  node->children[node->child_of(x->prefix)] = x;
  node->children[node->child_of(y->prefix)] = y;
  return node;
}

NodePtr join_nodes(const NodePtr& x, const NodePtr& y) {
  if (x == y || y == nullptr) {
    return x;
  }
  if (x == nullptr) {
    return y;
  }
  if (x->shift < y->shift) {
    return join_nodes(y, x);
  }
  if (prefix_of(y->prefix, x->shift) != x->prefix) {
    return make_parent(x, y);
  }
  if (x->shift == 0) {
    CtaKnowledge joined = x->leaf;
    if (!joined.join(y->leaf)) {
      return x;
    }
    CtaKnowledge other = y->leaf;
    return other.join(x->leaf) ? make_leaf(x->prefix, std::move(joined)) : y;
  }
  if (x->shift > y->shift) {
    const std::uint32_t index = x->child_of(y->prefix);
    NodePtr child = join_nodes(x->children[index], y);
    if (child == x->children[index]) {
      return x;
    }
    auto node = std::make_shared<Clock::Node>(*x);
    node->children[index] = std::move(child);
    return node;
  }
  std::vector<NodePtr> children(kFan);
  bool is_x = true;
  bool is_y = true;
  for (std::uint32_t i = 0; i < kFan; ++i) {
    children[i] = join_nodes(x->children[i], y->children[i]);
    is_x = is_x && children[i] == x->children[i];
    is_y = is_y && children[i] == y->children[i];
  }
  if (is_x || is_y) {
    return is_x ? x : y;
  }
  auto node = std::make_shared<Clock::Node>();
  node->shift = x->shift;
  node->prefix = x->prefix;
  node->children = std::move(children);
  return node;
}

NodePtr replace(const NodePtr& node, const NodePtr& leaf) {
  if (node == nullptr || (node->shift == 0 && node->prefix == leaf->prefix)) {
    return leaf;
  }
  if (prefix_of(leaf->prefix, node->shift) != node->prefix) {
    return make_parent(node, leaf);
  }
  auto copy = std::make_shared<Clock::Node>(*node);
  NodePtr& child = copy->children[copy->child_of(leaf->prefix)];
  child = replace(child, leaf);
  return copy;
}

}  // namespace

const CtaKnowledge* Clock::find(std::uint32_t cta) const {
  const Node* node = root_.get();
  while (node != nullptr) {
    if (prefix_of(cta, node->shift) != node->prefix) {
      return nullptr;
    }
    if (node->shift == 0) {
      return &node->leaf;
    }
    node = node->children[node->child_of(cta)].get();
  }
  return nullptr;
}

void Clock::add(std::uint32_t cta, const CtaKnowledge& knowledge) {
  root_ = join_nodes(root_, make_leaf(cta, knowledge));
}

void Clock::set(std::uint32_t cta, CtaKnowledge knowledge) {
  root_ = replace(root_, make_leaf(cta, std::move(knowledge)));
}

void Clock::join(const Clock& other) {
  root_ = join_nodes(root_, other.root_);
}

}  // namespace rackproof::emulator::check
