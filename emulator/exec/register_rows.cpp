// Liveness by data flow over basic blocks, then linear scan (Poletto and Sarkar, 1999). A lane
// follows one path and owns its column of every row, so what holds for a thread holds for a warp.
#include "emulator/exec/register_rows.hpp"

#include "emulator/exec/control_flow.hpp"
#include "emulator/exec/decoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <string_view>
#include <utility>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::RegisterIndex;
using Bits = std::vector<std::uint64_t>;

// Their first operand may be a register and is read, or is not written at once.
constexpr std::array<std::string_view, 17> kFirstIsRead = {
    "st",         "red",      "bra",       "brx",      "bar",       "barrier",
    "call",       "wgmma",    "tcgen05",   "cp",       "nanosleep", "mbarrier",
    "setmaxnreg", "stmatrix", "tensormap", "prefetch", "fence"};

bool is_overwritten(const ptx::Instruction& instruction, const ptx::Operand& operand) {
  const auto* const reg = std::get_if<ptx::RegisterOperand>(&operand.value);
  return reg != nullptr && reg->selector.empty() && !instruction.guard;
}

// What an instruction does to registers. What is not surely overwritten in full counts as read.
struct Effects {
  std::vector<RegisterIndex> reads;
  std::vector<RegisterIndex> writes;
};

void add_result(const ptx::Instruction& instruction, const ptx::Operand& operand,
                Effects& effects) {
  const auto add_all = [&](const std::vector<ptx::Operand>& elements) {
    for (const ptx::Operand& element : elements) {
      add_result(instruction, element, effects);
    }
  };
  if (const auto* const vector = std::get_if<ptx::VectorOperand>(&operand.value)) {
    add_all(vector->elements);
  } else if (const auto* const pair = std::get_if<ptx::PairOperand>(&operand.value)) {
    add_all(pair->elements);
  } else {
    collect_registers(operand,
                      is_overwritten(instruction, operand) ? effects.writes : effects.reads);
  }
}

class Liveness {
 public:
  explicit Liveness(const ptx::Function& function)
      : function_(&function),
        size_(static_cast<std::uint32_t>(function.body.size())),
        words_((function.registers.size() + 63) / 64),
        ranges_(function.registers.size()) {
    find_effects();
    find_blocks();
    flow();
    measure();
  }

  /// The first and the last instruction by which a register holds something; first > last: never.
  struct Range {
    std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t last = 0;
    void include(std::uint32_t position) {
      first = std::min(first, position);
      last = std::max(last, position);
    }
  };
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }

 private:
  struct Block {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    std::vector<std::uint32_t> next;
    Bits in;
    Bits out;
  };

  void find_effects() {
    effects_.resize(size_);
    for (std::uint32_t i = 0; i < size_; ++i) {
      const ptx::Instruction& instruction = function_->body[i];
      Effects& effects = effects_[i];
      if (instruction.guard) {
        effects.reads.push_back(instruction.guard->predicate);
      }
      const bool first_is_read = std::find(kFirstIsRead.begin(), kFirstIsRead.end(),
                                           instruction.opcode) != kFirstIsRead.end();
      for (std::size_t k = 0; k < instruction.operands.size(); ++k) {
        const ptx::Operand& operand = instruction.operands[k];
        if (k == 0 && !first_is_read) {
          add_result(instruction, operand, effects);
        } else {
          collect_registers(operand, effects.reads);
        }
      }
    }
    for (const ptx::CallInfo& call : function_->calls) {
      std::vector<RegisterIndex>& reads = effects_[call.instruction].reads;
      collect_registers(call.callee, reads);
      for (const auto* operands : {&call.arguments, &call.returns}) {
        for (const ptx::Operand& operand : *operands) {
          collect_registers(operand, reads);
        }
      }
    }
  }

  void find_blocks() {
    std::vector<bool> begins(size_ + 1, false);
    begins[0] = true;
    for (std::uint32_t i = 0; i < size_; ++i) {
      const std::vector<std::uint32_t> next = successors(*function_, i);
      if (next.size() == 1 && next[0] == i + 1) {
        continue;
      }
      begins[i + 1] = true;
      for (const std::uint32_t target : next) {
        begins[std::min(target, size_)] = true;
      }
    }
    std::vector<std::uint32_t> block_of(size_ + 1);
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (begins[i]) {
        blocks_.emplace_back();
        blocks_.back().first = i;
      }
      blocks_.back().end = i + 1;
      block_of[i] = static_cast<std::uint32_t>(blocks_.size()) - 1;
    }
    for (Block& block : blocks_) {
      block.in.resize(words_);
      block.out.resize(words_);
      for (const std::uint32_t target : successors(*function_, block.end - 1)) {
        if (target < size_) {
          block.next.push_back(block_of[target]);
        }
      }
    }
  }

  // Backwards through a block: what is live before it.
  [[nodiscard]] Bits before(const Block& block) const {
    Bits live = block.out;
    for (std::uint32_t i = block.end; i-- > block.first;) {
      for (const RegisterIndex index : effects_[i].writes) {
        live[index / 64] &= ~(std::uint64_t{1} << index % 64);
      }
      for (const RegisterIndex index : effects_[i].reads) {
        live[index / 64] |= std::uint64_t{1} << index % 64;
      }
    }
    return live;
  }

  void flow() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = blocks_.size(); i-- > 0;) {
        Block& block = blocks_[i];
        for (const std::uint32_t next : block.next) {
          for (std::size_t word = 0; word < words_; ++word) {
            block.out[word] |= blocks_[next].in[word];
          }
        }
        Bits in = before(block);
        if (in != block.in) {
          block.in = std::move(in);
          changed = true;
        }
      }
    }
  }

  void include(const Bits& live, std::uint32_t position) {
    for (std::size_t word = 0; word < words_; ++word) {
      for (std::uint64_t rest = live[word]; rest != 0; rest &= rest - 1) {
        ranges_[word * 64 + static_cast<std::size_t>(std::countr_zero(rest))].include(position);
      }
    }
  }

  void measure() {
    for (const Block& block : blocks_) {
      include(block.in, block.first);
      include(block.out, block.end - 1);
    }
    for (std::uint32_t i = 0; i < size_; ++i) {
      for (const auto* registers : {&effects_[i].reads, &effects_[i].writes}) {
        for (const RegisterIndex index : *registers) {
          ranges_[index].include(i);
        }
      }
    }
    // Parameters in registers hold something before the first instruction, and results after the
    // last one.
    for (const auto* variables : {&function_->parameters, &function_->returns}) {
      for (const ptx::Variable& variable : *variables) {
        for (std::size_t k = 0; k < ranges_.size(); ++k) {
          if (function_->registers[k].name == variable.name) {
            ranges_[k].include(0);
            ranges_[k].include(size_);
          }
        }
      }
    }
  }

  const ptx::Function* function_;
  std::uint32_t size_;
  std::size_t words_;
  std::vector<Effects> effects_;
  std::vector<Block> blocks_;
  std::vector<Range> ranges_;
};

// The rows of one width. One that is free again serves the next register.
class Rows {
 public:
  std::uint32_t take(std::uint32_t first, std::uint32_t last) {
    std::uint32_t row = count_;
    if (!held_.empty() && held_.top().first < first) {
      row = held_.top().second;
      held_.pop();
    } else {
      ++count_;
    }
    held_.emplace(last, row);
    return row;
  }

 private:
  using Held = std::pair<std::uint32_t, std::uint32_t>;  ///< until that instruction, the row
  std::priority_queue<Held, std::vector<Held>, std::greater<>> held_;
  std::uint32_t count_ = 0;
};

}  // namespace

std::vector<std::uint32_t> assign_rows(const ptx::Function& function) {
  std::vector<std::uint32_t> result(function.registers.size(), 0);
  std::vector<std::uint32_t> order;
  const bool is_asynchronous = std::any_of(
      function.body.begin(), function.body.end(),
      [](const ptx::Instruction& instruction) { return instruction.opcode == "wgmma"; });
  std::map<std::uint32_t, Rows> rows;
  if (is_asynchronous) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      result[i] = rows[row_width(function.registers[i].type)].take(0, 0);
    }
    return result;
  }
  const Liveness liveness(function);
  const auto& ranges = liveness.ranges();
  for (std::uint32_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].first <= ranges[i].last) {
      order.push_back(i);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&ranges](std::uint32_t x, std::uint32_t y) {
    return ranges[x].first < ranges[y].first;
  });
  for (const std::uint32_t i : order) {
    Rows& of_width = rows[row_width(function.registers[i].type)];
    result[i] = of_width.take(ranges[i].first, ranges[i].last);
  }
  return result;
}

}  // namespace rackproof::emulator::exec
