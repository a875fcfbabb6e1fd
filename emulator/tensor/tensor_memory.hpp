#pragma once
/// Tensor memory of one SM, as one CTA has it: 128 lanes x 512 columns of 32 bits, allocated by
/// columns (PTX ISA 9.0, sections 9.7.16.1 and 9.7.16.7).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {

inline constexpr std::uint32_t kTensorLanes = 128;
inline constexpr std::uint32_t kTensorColumns = 512;
inline constexpr std::uint32_t kAllocationUnit = 32;  ///< columns
inline constexpr std::uint32_t kSubpartitionLanes = 32;

/// The message names the rule of the ISA.
class TensorMemoryError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Lane in bits 16 to 22 and column in bits 0 to 15; the lane bits above are ignored, and so are
/// bits 30 and 31, where scale factors keep their byte.
struct TensorAddress {
  std::uint32_t lane = 0;
  std::uint32_t column = 0;

  static TensorAddress from(std::uint32_t bits) {
    return {bits >> 16 & (kTensorLanes - 1), bits & 0xffff};
  }
};
/// "lane 32, column 64"
[[nodiscard]] std::string to_string(TensorAddress address);

class TensorMemory {
 public:
  /// The address of `columns` free columns; nullopt: not as many in a row are free now.
  /// TensorMemoryError: a count that cannot be, or after relinquish().
  [[nodiscard]] std::optional<std::uint32_t> allocate(std::uint32_t columns);
  void release(std::uint32_t address, std::uint32_t columns);
  void relinquish() { relinquished_ = true; }
  /// Throws if `columns` cannot be allocated at all.
  void check_request(std::uint32_t columns) const;
  [[nodiscard]] std::uint32_t allocated_columns() const;
  [[nodiscard]] bool is_allocated(std::uint32_t column) const {
    return column < kTensorColumns && owner_[column / kAllocationUnit] != 0;
  }

  /// Throws unless all of these columns are allocated. `what`: "tcgen05.ld"
  void require(TensorAddress first, std::uint32_t lanes, std::uint32_t columns,
               const char* what) const;
  /// The cells of a lane lie one after the other, kTensorColumns words a lane.
  [[nodiscard]] std::uint32_t* row(std::uint32_t lane) {
    return words_.data() + std::size_t{lane} * kTensorColumns;
  }
  [[nodiscard]] const std::uint32_t* row(std::uint32_t lane) const {
    return words_.data() + std::size_t{lane} * kTensorColumns;
  }
  void mark_written(std::uint32_t lane, std::uint32_t column, std::uint32_t columns);
  /// The first of `columns` columns that nobody has written since its allocation; kTensorColumns:
  /// none.
  [[nodiscard]] std::uint32_t first_unwritten(std::uint32_t lane, std::uint32_t column,
                                              std::uint32_t columns) const;
  /// Throws if one of them was not. `what`: "tcgen05.ld"
  void require_written(std::uint32_t lane, std::uint32_t column, std::uint32_t columns,
                       const char* what) const;

 private:
  using WrittenColumns = std::array<std::uint64_t, kTensorColumns / 64>;
  std::array<std::uint16_t, kTensorColumns / kAllocationUnit> owner_{};  ///< allocation; 0: free
  std::uint16_t allocations_ = 0;
  bool relinquished_ = false;
  std::vector<std::uint32_t> words_;  ///< empty before the first allocation
  std::vector<WrittenColumns> written_;
};

}  // namespace rackproof::emulator::tensor
