// wmma.load and wmma.store: PTX ISA 9.0, section 9.7.14.4. Each is a series of ordinary loads or
// stores, so that addresses are checked and counted as theirs are.
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/warp.hpp"

#include <array>
#include <cstdint>

namespace rackproof::emulator::exec {
namespace {

class FragmentAccess {
 public:
  FragmentAccess(Warp& warp, const Op& op)
      : warp_(&warp), op_(&op), spec_(FragmentSpec::unpack(op.d)) {
    const bool is_b = spec_.role == FragmentRole::b;
    operand_ = {is_b ? spec_.n : spec_.m, spec_.k, spec_.bits, !is_b};
    sum_ = {spec_.m, spec_.n};
    is_sum_ = spec_.role == FragmentRole::sum;
    per_register_ = is_sum_ ? (spec_.bits == 16 ? 2 : 1) : operand_.per_register();
    // Elements of a register follow each other along k, those of a sum along n.
    adjacent_ = per_register_ == 1 || (is_b == spec_.column_major);
    // The results may overwrite the registers that address and stride came in.
    const bool wide = (op.mode & memory_mode::kWideAddress) != 0;
    const std::uint32_t columns = is_b || is_sum_ ? spec_.n : spec_.k;
    const std::uint32_t rows = is_b ? spec_.k : spec_.m;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      base_[lane] = static_cast<std::uint64_t>(op.immediate) +
                    (wide ? register_row<std::uint64_t>(warp, op.a)[lane]
                          : register_row<std::uint32_t>(warp, op.a)[lane]);
      stride_[lane] = op.b == kNoRef ? (spec_.column_major ? rows : columns)
                                     : register_row<std::uint32_t>(warp, op.b)[lane];
    }
  }

  void run(bool is_store) {
    const std::uint32_t count = op_->list_size - 2U;
    const std::uint32_t distinct =
        is_sum_ || operand_.registers() > count ? count : operand_.registers();
    for (std::uint32_t reg = 0; reg < distinct; ++reg) {
      if (ref(reg) == kNoRef) {
        continue;
      }
      if (adjacent_) {
        point_at(reg, 0);
        access(is_store, op_->list + reg, register_bytes());
      } else {
        for (std::uint32_t part = 0; part < per_register_; ++part) {
          point_at(reg, part);
          is_store ? store_part(reg, part) : load_part(reg, part);
        }
      }
    }
    // f16 fragments fill their registers by repetition.
    for (std::uint32_t reg = distinct; reg < count && !is_store; ++reg) {
      if (ref(reg) != kNoRef && ref(reg % distinct) != kNoRef) {
        const auto* const from = register_row<std::uint32_t>(*warp_, ref(reg % distinct));
        auto* const to = register_row<std::uint32_t>(*warp_, ref(reg));
        for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
          to[lane] = from[lane];
        }
      }
    }
  }

 private:
  [[nodiscard]] Ref ref(std::uint32_t reg) const { return warp_->kernel().refs[op_->list + reg]; }
  [[nodiscard]] std::uint32_t register_bytes() const { return spec_.bits == 64 ? 8 : 4; }

  // Fills the scratch row with each lane's address of element `part` of register `reg`.
  void point_at(std::uint32_t reg, std::uint32_t part) {
    auto* const addresses = register_row<std::uint64_t>(*warp_, ref(op_->list_size - 2U));
    const bool is_b = spec_.role == FragmentRole::b;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      std::uint32_t row = 0;
      std::uint32_t column = 0;
      if (is_sum_) {
        const std::uint32_t index = sum_.index(reg * per_register_ + part, lane);
        row = index / spec_.n;
        column = index % spec_.n;
      } else {
        const FragmentPlace place = operand_.place(reg, lane);
        row = is_b ? place.k + part : place.line;
        column = is_b ? place.line : place.k + part;
      }
      const std::uint64_t element =
          spec_.column_major ? column * stride_[lane] + row : row * stride_[lane] + column;
      addresses[lane] = base_[lane] + element * spec_.bits / 8;
    }
  }

  void access(bool is_store, std::uint32_t list, std::uint32_t bytes) {
    Op inner = *op_;
    inner.a = ref(op_->list_size - 2U);
    inner.immediate = 0;
    inner.mode = memory_mode::kWideAddress;
    inner.list = list;
    inner.list_size = 1;
    inner.size = static_cast<std::uint8_t>(bytes);
    is_store ? store(*warp_, inner, kFullMask) : load(*warp_, inner, kFullMask);
  }

  void load_part(std::uint32_t reg, std::uint32_t part) {
    access(false, op_->list + op_->list_size - 1U, spec_.bits / 8);
    const auto* const from = register_row<std::uint32_t>(*warp_, ref(op_->list_size - 1U));
    auto* const to = register_row<std::uint32_t>(*warp_, ref(reg));
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      to[lane] = (part == 0 ? 0 : to[lane]) | from[lane] << (part * spec_.bits);
    }
  }

  void store_part(std::uint32_t reg, std::uint32_t part) {
    const auto* const from = register_row<std::uint32_t>(*warp_, ref(reg));
    auto* const to = register_row<std::uint32_t>(*warp_, ref(op_->list_size - 1U));
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      to[lane] = from[lane] >> (part * spec_.bits);
    }
    access(true, op_->list + op_->list_size - 1U, spec_.bits / 8);
  }

  std::array<std::uint64_t, kWarpSize> base_;
  std::array<std::uint64_t, kWarpSize> stride_;
  Warp* warp_;
  const Op* op_;
  FragmentSpec spec_;
  OperandLayout operand_;
  SumLayout sum_;
  bool is_sum_ = false;
  std::uint32_t per_register_ = 1;
  bool adjacent_ = true;
};

}  // namespace

void load_fragment(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "wmma.load")) {
    FragmentAccess(warp, op).run(false);
  }
}

void store_fragment(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "wmma.store")) {
    FragmentAccess(warp, op).run(true);
  }
}

}  // namespace rackproof::emulator::exec
