#pragma once
/// The vocabulary of a collective: element type, reduction, placement.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rackproof::collectives {

enum class DataType : std::uint8_t { float32, bfloat16, int32 };
enum class ReduceOp : std::uint8_t { sum, min, max };
/// In place: the result overwrites the input.
enum class Placement : std::uint8_t { out_of_place, in_place };

[[nodiscard]] std::string_view to_string(DataType type);        ///< "float32", "bfloat16", "int32"
[[nodiscard]] std::string_view to_string(ReduceOp op);          ///< "sum", "min", "max"
[[nodiscard]] std::string_view to_string(Placement placement);  ///< "out_of_place", "in_place"
/// nullopt if there is none of that name.
[[nodiscard]] std::optional<DataType> parse_data_type(std::string_view name);
[[nodiscard]] std::optional<ReduceOp> parse_reduce_op(std::string_view name);
[[nodiscard]] std::optional<Placement> parse_placement(std::string_view name);

[[nodiscard]] constexpr std::size_t size_bytes(DataType type) {
  return type == DataType::bfloat16 ? 2 : 4;
}

}  // namespace rackproof::collectives
