#include "emulator/tensor/tensor_memory.hpp"

#include <algorithm>
#include <bit>

namespace rackproof::emulator::tensor {
namespace {

constexpr const char* kSection = " (PTX ISA 9.0, section 9.7.16.7)";

// Calls action(word index, its bits) for the bits of [first, first + count).
template <class Action>
void for_each_word(std::uint32_t first, std::uint32_t count, Action&& action) {
  const std::uint32_t end = first + count;
  for (std::uint32_t word = first / 64; word * 64 < end; ++word) {
    const std::uint32_t low = word * 64 < first ? first % 64 : 0;
    const std::uint32_t bits = std::min(end - word * 64, 64U) - low;
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    action(word, mask << low);
  }
}

}  // namespace

std::string to_string(TensorAddress address) {
  return "lane " + std::to_string(address.lane) + ", column " + std::to_string(address.column);
}

void TensorMemory::check_request(std::uint32_t columns) const {
  if (columns < kAllocationUnit || columns > kTensorColumns || !std::has_single_bit(columns)) {
    throw TensorMemoryError(std::to_string(columns) +
                            " columns: the count must be a power of two from 32 to 512" + kSection);
  }
  if (relinquished_) {
    throw TensorMemoryError(
        std::string("the CTA has given up its right to allocate (relinquish_alloc_permit)") +
        kSection);
  }
}

std::optional<std::uint32_t> TensorMemory::allocate(std::uint32_t columns) {
  check_request(columns);
  const std::uint32_t units = columns / kAllocationUnit;
  for (std::uint32_t first = 0; first + units <= owner_.size(); ++first) {
    const auto begin = owner_.begin() + first;
    if (std::any_of(begin, begin + units, [](std::uint16_t owner) { return owner != 0; })) {
      continue;
    }
    std::fill(begin, begin + units, ++allocations_);
    words_.resize(std::size_t{kTensorLanes} * kTensorColumns);
    written_.resize(kTensorLanes);
    for (auto& lane : written_) {
      for_each_word(first * kAllocationUnit, columns,
                    [&](std::uint32_t word, std::uint64_t bits) { lane[word] &= ~bits; });
    }
    return first * kAllocationUnit;
  }
  return std::nullopt;
}

void TensorMemory::release(std::uint32_t address, std::uint32_t columns) {
  const TensorAddress from = TensorAddress::from(address);
  const auto fail = [&](const std::string& why) {
    throw TensorMemoryError("dealloc of " + std::to_string(columns) + " columns at " +
                            to_string(from) + ": " + why + kSection);
  };
  if (from.lane != 0 || from.column % kAllocationUnit != 0 || !is_allocated(from.column)) {
    fail("no allocation begins there");
  }
  const std::uint32_t first = from.column / kAllocationUnit;
  const std::uint16_t owner = owner_[first];
  const auto size =
      static_cast<std::uint32_t>(std::count(owner_.begin(), owner_.end(), owner)) * kAllocationUnit;
  if (first != 0 && owner_[first - 1] == owner) {
    fail("no allocation begins there");
  }
  if (size != columns) {
    fail("the allocation has " + std::to_string(size) + " columns");
  }
  std::fill_n(owner_.begin() + first, columns / kAllocationUnit, std::uint16_t{0});
}

std::uint32_t TensorMemory::allocated_columns() const {
  const auto free = std::count(owner_.begin(), owner_.end(), std::uint16_t{0});
  return static_cast<std::uint32_t>(owner_.size() - static_cast<std::size_t>(free)) *
         kAllocationUnit;
}

void TensorMemory::require(TensorAddress first, std::uint32_t lanes, std::uint32_t columns,
                           const char* what) const {
  if (first.lane + lanes > kTensorLanes) {
    throw TensorMemoryError(std::string(what) + " of " + std::to_string(lanes) + " lanes at " +
                            to_string(first) + " goes beyond lane 127");
  }
  for (std::uint32_t column = first.column; column < first.column + columns;
       column = (column / kAllocationUnit + 1) * kAllocationUnit) {
    if (!is_allocated(column)) {
      throw TensorMemoryError(std::string(what) + " of " + std::to_string(columns) +
                              " columns at " + to_string(first) + ": column " +
                              std::to_string(column) + " is not allocated" + kSection);
    }
  }
}

void TensorMemory::mark_written(std::uint32_t lane, std::uint32_t column, std::uint32_t columns) {
  auto& written = written_[lane];
  for_each_word(column, columns,
                [&](std::uint32_t word, std::uint64_t bits) { written[word] |= bits; });
}

std::uint32_t TensorMemory::first_unwritten(std::uint32_t lane, std::uint32_t column,
                                            std::uint32_t columns) const {
  const auto& written = written_[lane];
  std::uint32_t found = kTensorColumns;
  for_each_word(column, columns, [&](std::uint32_t word, std::uint64_t bits) {
    const std::uint64_t missing = bits & ~written[word];
    if (missing != 0 && found == kTensorColumns) {
      found = word * 64 + static_cast<std::uint32_t>(std::countr_zero(missing));
    }
  });
  return found;
}

void TensorMemory::require_written(std::uint32_t lane, std::uint32_t column, std::uint32_t columns,
                                   const char* what) const {
  const std::uint32_t missing = first_unwritten(lane, column, columns);
  if (missing != kTensorColumns) {
    throw TensorMemoryError(std::string(what) + " reads lane " + std::to_string(lane) +
                            ", column " + std::to_string(missing) +
                            " of tensor memory, which nobody has written since its allocation");
  }
}

}  // namespace rackproof::emulator::tensor
