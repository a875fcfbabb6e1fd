#include "collectives/types.hpp"

#include <array>

namespace rackproof::collectives {
namespace {

constexpr std::array kDataTypes{DataType::float32, DataType::bfloat16, DataType::int32};
constexpr std::array kReduceOps{ReduceOp::sum, ReduceOp::min, ReduceOp::max};
constexpr std::array kPlacements{Placement::out_of_place, Placement::in_place};

template <typename Values>
std::optional<typename Values::value_type> find_by_name(const Values& values,
                                                        std::string_view name) {
  for (const auto value : values) {
    if (to_string(value) == name) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(DataType type) {
  switch (type) {
    case DataType::float32:
      return "float32";
    case DataType::bfloat16:
      return "bfloat16";
    case DataType::int32:
      return "int32";
  }
  return "unknown";
}

std::string_view to_string(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return "sum";
    case ReduceOp::min:
      return "min";
    case ReduceOp::max:
      return "max";
  }
  return "unknown";
}

std::string_view to_string(Placement placement) {
  return placement == Placement::in_place ? "in_place" : "out_of_place";
}

std::optional<DataType> parse_data_type(std::string_view name) {
  return find_by_name(kDataTypes, name);
}
std::optional<ReduceOp> parse_reduce_op(std::string_view name) {
  return find_by_name(kReduceOps, name);
}
std::optional<Placement> parse_placement(std::string_view name) {
  return find_by_name(kPlacements, name);
}

}  // namespace rackproof::collectives
