#pragma once
/// The contract of a collective: one small struct each, and a table of them.
/// Adding a collective is filling in a `Collective` and listing it in collective.cpp.

#include "collectives/types.hpp"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace rackproof::collectives {

/// One rank's part of one execution.
struct CollectiveCall {
  const void* send = nullptr;
  void* receive = nullptr;
  std::size_t count = 0;  ///< elements, in the unit of ncclX's count argument
  DataType type = DataType::float32;
  ReduceOp op = ReduceOp::sum;
};

/// Which exact values a rank's output must hold; element i of the output stands for element
/// first_element + i of the inputs.
struct ExpectedOutput {
  enum class Kind {
    reduced,  ///< the reduction over all ranks
  };
  Kind kind = Kind::reduced;
  std::size_t first_element = 0;
};

struct Collective {
  std::string_view name;     ///< "all_reduce"
  std::string_view summary;  ///< one line for `rackproof list`
  /// What the message size S means, so that figures can be compared ("one buffer, equal on all
  /// ranks").
  std::string_view size_meaning;
  bool reduces = false;  ///< whether ReduceOp matters

  /// Elements in one rank's buffers when NCCL's count is `count`.
  std::size_t (*send_elements)(std::size_t count, int ranks) = nullptr;
  std::size_t (*receive_elements)(std::size_t count, int ranks) = nullptr;
  /// NCCL's count for a message of S = `bytes`; rounds down to whole elements.
  std::size_t (*count)(std::size_t bytes, DataType type, int ranks) = nullptr;

  /// busbw = algbw * bus_factor(n): the load on the busiest link of a ring, so that the figure can
  /// be held against a link rate whatever n is. nullopt: nothing travels (n = 1).
  std::optional<double> (*bus_factor)(int ranks) = nullptr;
  /// wire = algbw * switch_wire_factor(n): bytes per GPU and direction when the switch reduces and
  /// multicasts (NVLS). nullopt: not applicable.
  std::optional<double> (*switch_wire_factor)(int ranks) = nullptr;

  /// Enqueues one execution.
  ncclResult_t (*run)(const CollectiveCall& call, ncclComm_t communicator,
                      cudaStream_t stream) = nullptr;
  ExpectedOutput (*expected)(int rank, int ranks, std::size_t count) = nullptr;
};

/// All collectives, in the order of `rackproof list`.
[[nodiscard]] std::span<const Collective> collectives();
/// nullptr if there is none of that name.
[[nodiscard]] const Collective* find_collective(std::string_view name);

}  // namespace rackproof::collectives
