// tcgen05.mma, .cp, .shift, .commit: PTX ISA 9.0, sections 9.7.16.9 to 9.7.16.11. They take effect
// when async::OperationQueue says so, those of one warp in order.
#include "emulator/exec/async_check.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/tensor_issue.hpp"
#include "emulator/exec/tensor_tracking.hpp"

#include <memory>
#include <string>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

async::OperationQueue::Pipe pipe_of(Warp& warp) {
  async::OperationQueue::Pipe& pipe = tensor_warp(warp).pipe;
  if (pipe == async::OperationQueue::kUnordered) {
    pipe = warp.cta().cluster().operations().add_pipe();
  }
  return pipe;
}

// Warps of the cluster, counted through.
std::uint32_t key_of(Warp& warp) {
  constexpr std::uint32_t kMostWarps = 32;
  return warp.cta().rank() * kMostWarps + warp.index();
}

// Operands in shared memory stay as they are until a commit behind the operation is waited for.
void record_operands(Warp& warp, std::uint32_t lane, const tensor::TensorSides& sides,
                     const tensor::TensorFootprint& footprint) {
  const std::shared_ptr<AsyncRecord> record = AsyncRecord::begin(warp, lane);
  if (record == nullptr) {
    return;
  }
  const std::uint32_t first = sides.count == 2 ? warp.cta().rank() & ~1U : warp.cta().rank();
  for (const tensor::SharedReads& part : footprint.shared_reads) {
    record->read_runs(first + part.side, part.runs, "operand of a tensor operation");
  }
  record->issued();
  warp.cta().cluster().unfinished(key_of(warp)).push_back(record);
}

// `operation`: TensorMultiply, TensorCopy or TensorShift.
template <class Operation>
void issue(Warp& warp, std::uint32_t lane, std::uint32_t cta_group, Operation operation) {
  Cta& cta = warp.cta();
  const tensor::TensorSides sides = tensor_sides(cta, cta_group);
  with_rules(lane, [&] { operation.validate(sides); });
  if (cta.grid().config.checks.races) {
    const tensor::TensorFootprint footprint = operation.footprint(sides);
    record_operands(warp, lane, sides, footprint);
    track_operation(warp, lane, cta_group, footprint);
  }
  cta.cluster().issue({&cta, warp.index(), lane, warp.pc() - 1}, pipe_of(warp),
                      [operation = std::move(operation), sides, lane] {
                        with_rules(lane, [&] { operation.perform(sides); });
                      });
}

tensor::TensorMultiply read_multiply(const LaneContext& lanes, const TensorInstruction& instruction,
                                     std::uint32_t lane) {
  tensor::TensorMultiply result;
  result.cta_group = instruction.cta_group;
  result.weight_stationary = instruction.context.weight_stationary;
  result.a_in_tensor_memory = instruction.context.a_in_tensor_memory;
  result.d = tensor_address(lanes, instruction.address, lane);
  result.a = result.a_in_tensor_memory ? tensor_address(lanes, instruction.a_address, lane)
                                       : register_row<std::uint64_t>(lanes, instruction.a)[lane];
  result.b = register_row<std::uint64_t>(lanes, instruction.b)[lane];
  const std::uint32_t bits = register_row<std::uint32_t>(lanes, instruction.descriptor)[lane];
  result.instruction = tensor::decode_instruction_descriptor(bits, instruction.context);
  result.instruction.unit.input_shift = static_cast<int>(instruction.input_shift);
  result.rules = instruction.context.architecture == 103 ? tensor::DescriptorRules::tcgen05_absolute
                                                         : tensor::DescriptorRules::tcgen05;
  if (instruction.metadata) {
    result.metadata = tensor_address(lanes, instruction.metadata, lane);
  }
  if (instruction.scale_a) {
    result.scale_a = tensor_address(lanes, instruction.scale_a, lane);
    result.scale_b = tensor_address(lanes, instruction.scale_b, lane);
  }
  result.accumulates = (read_predicate(lanes, instruction.enable) >> lane & 1) != 0;
  for (std::size_t i = 0; i < instruction.disabled_lanes.size(); ++i) {
    result.disabled_lanes[i] =
        register_row<std::uint32_t>(lanes, instruction.disabled_lanes[i])[lane];
  }
  result.shifts_a = instruction.shifts_a;
  if (instruction.zero_columns != kNoRef) {
    result.zero_columns = register_row<std::uint64_t>(lanes, instruction.zero_columns)[lane];
  }
  return result;
}

void count(GridCounters& counters, const tensor::TensorMultiply& op) {
  const double operations =
      2.0 * op.instruction.m * op.instruction.n * static_cast<double>(op.instruction.unit.k);
  switch (op.instruction.unit.kind) {
    case tensor::UnitKind::f16:
      counters.mma_flops_f16 += operations;
      break;
    case tensor::UnitKind::tf32:
      counters.mma_flops_tf32 += operations;
      break;
    case tensor::UnitKind::i8:
      counters.mma_ops_integer += operations;
      break;
    case tensor::UnitKind::mxf4:
    case tensor::UnitKind::mxf4nvf4:
      counters.mma_flops_fp4 += operations;
      break;
    default:
      counters.mma_flops_fp8 += operations;
      break;
  }
}

}  // namespace

void tensor_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  for_each_lane(mask, [&](std::uint32_t lane) {
    (void)tensor_core_for(warp, instruction.cta_group, lane);
    tensor::TensorMultiply multiply =
        with_rules(lane, [&] { return read_multiply(lanes, instruction, lane); });
    multiply.checks_written = warp.cta().grid().config.checks.shared_init;
    count(warp.cta().grid().counters, multiply);
    issue(warp, lane, instruction.cta_group, std::move(multiply));
  });
}

void tensor_copy(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  for_each_lane(mask, [&](std::uint32_t lane) {
    (void)tensor_core_for(warp, instruction.cta_group, lane);
    issue(warp, lane, instruction.cta_group,
          tensor::TensorCopy{instruction.copy_shape, instruction.copy_format,
                             tensor_address(lanes, instruction.address, lane),
                             register_row<std::uint64_t>(lanes, instruction.b)[lane]});
  });
}

void tensor_shift(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  for_each_lane(mask, [&](std::uint32_t lane) {
    (void)tensor_core_for(warp, instruction.cta_group, lane);
    issue(warp, lane, instruction.cta_group,
          tensor::TensorShift{tensor_address(lanes, instruction.address, lane)});
  });
}

void tensor_commit(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Cta& cta = warp.cta();
  const TensorInstruction& instruction = tensor_instruction(warp, op);
  Op target = op;
  target.immediate = static_cast<std::int32_t>(op.d);
  Addresses addresses;
  lane_ops().addresses(warp, target, mask, sizeof(std::uint64_t), addresses);
  for_each_lane(mask, [&](std::uint32_t lane) {
    (void)tensor_core_for(warp, instruction.cta_group, lane);
    const std::uint64_t address = addresses.value[lane] & kWindowOffsetMask;
    const Issuer issuer{&cta, warp.index(), lane, warp.pc() - 1};
    const check::Clock knowledge = track_commit(warp);
    // Whoever waits for the barrier knows what the issuer knew.
    const std::shared_ptr<AsyncRecord> record = AsyncRecord::begin(warp, lane);
    if (record) {
      record->issued();
      // All earlier operations, those of earlier commits too: they complete in order.
      auto& unfinished = cta.cluster().unfinished(key_of(warp));
      std::erase_if(unfinished, [](const auto& each) { return each->is_over(); });
      for (const auto& each : unfinished) {
        record->add(each);
      }
    }
    const auto arrive = [&](std::uint64_t barrier) {
      cta.cluster().mbarrier_inits().use(warp, lane, barrier);
      const std::byte* const object =
          cta.cluster().shared_at(barrier, sizeof(std::uint64_t), lane, "tcgen05.commit");
      check::CtaChecker* const checker =
          cta.cluster().cta(static_cast<std::uint32_t>(barrier >> kClusterRankShift)).checker();
      cta.cluster().issue(
          issuer, pipe_of(warp),
          [cluster = &cta.cluster(), barrier, checker, object, knowledge, record] {
            if (checker != nullptr) {
              checker->shared_release(reinterpret_cast<std::uintptr_t>(object), {knowledge, {}});
            }
            cluster->arrive(barrier, 1, record);
          },
          barrier);
    };
    if (instruction.multicast == kNoRef) {
      arrive(address);
      return;
    }
    const std::uint32_t ctas = register_row<std::uint32_t>(lanes, instruction.multicast)[lane];
    for (std::uint32_t rank = 0; rank < 16; ++rank) {
      if ((ctas >> rank & 1) != 0) {
        arrive((address & ((std::uint64_t{1} << kClusterRankShift) - 1)) |
               std::uint64_t{rank} << kClusterRankShift);
      }
    }
  });
}

}  // namespace rackproof::emulator::exec
