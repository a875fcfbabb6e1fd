// wgmma: PTX ISA 9.0, section 9.7.15. The arithmetic is emulator/tensor's.
#include "emulator/exec/async_check.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/wgmma.hpp"
#include "emulator/exec/windows.hpp"
#include "emulator/tensor/operand_cache.hpp"
#include "emulator/tensor/sparsity.hpp"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

using tensor::OperandChunk;
using Row = WgmmaPipe::Row;

// A multiplication that lands by itself does so within this many turns of its warp.
constexpr std::uint32_t kMaxSteps = 4;

/// Everything one warp's part needs when it takes effect.
struct Multiplication {
  const WgmmaSpec* spec = nullptr;
  Warp* warp = nullptr;
  bool accumulates = false;
  std::vector<Row> sums;
  std::vector<Row> operands;           ///< A in registers
  std::vector<OperandChunk> chunks_a;  ///< of this warp's rows, counted from 0
  std::vector<OperandChunk> chunks_b;
  std::array<std::uint32_t, kWarpSize> metadata{};

  void operator()() const;
  [[nodiscard]] tensor::OperandCodes rows() const;
  void spread(tensor::OperandCodes& codes) const;
};

// Descriptors hold addresses without the CTA's rank.
std::byte* shared_origin(Cta& cta) {
  return cta.shared_at(std::uint64_t{cta.rank()} << kClusterRankShift);
}
constexpr std::uint32_t kOffsetMask = (1U << kClusterRankShift) - 1;

template <class T>
T* row_of(Warp& warp, Row row) {
  return reinterpret_cast<T*>(warp.registers() + row);
}

std::uint32_t element_bits(tensor::ElementPacking packing) {
  return packing == tensor::ElementPacking::bits_8    ? 8
         : packing == tensor::ElementPacking::bits_16 ? 16
                                                      : 32;
}

/// 16 lines of A.
tensor::OperandCodes Multiplication::rows() const {
  tensor::OperandCodes codes;
  codes.lines = WgmmaSpec::kWarpRows;
  if (!spec->a_in_registers) {
    tensor::SharedOperand operand = spec->a;
    operand.lines = WgmmaSpec::kWarpRows;
    read_operand(chunks_a, operand, shared_origin(warp->cta()), codes.codes);
  } else {
    const std::uint32_t bits = element_bits(spec->a.packing);
    const auto stored = static_cast<std::uint32_t>(spec->a.elements);
    const OperandLayout layout{WgmmaSpec::kWarpRows, stored, bits, true};
    const std::uint32_t mask = bits == 32 ? ~0U : (1U << bits) - 1;
    const bool tf32 =
        spec->unit.format_a == tensor::Format::tf32 && spec->unit.kind == tensor::UnitKind::wgmma;
    codes.codes.resize(std::size_t{WgmmaSpec::kWarpRows} * stored);
    for (std::uint32_t r = 0; r < operands.size(); ++r) {
      const auto* const source = row_of<std::uint32_t>(*warp, operands[r]);
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        const FragmentPlace place = layout.place(r, lane);
        for (std::uint32_t j = 0; j < layout.per_register(); ++j) {
          const std::uint32_t code = source[lane] >> (j * bits) & mask;
          codes.codes[place.line * stored + place.k + j] = tf32 ? code & ~0x1fffU : code;
        }
      }
    }
  }
  if (spec->sparse) {
    spread(codes);
  }
  return codes;
}

// Which thread holds the metadata of which row: 16- and 32-bit types keep two rows in a word, each
// thread of the pair that the selector names half of K; 8-bit types one row, by two threads.
void Multiplication::spread(tensor::OperandCodes& codes) const {
  const std::size_t stored = spec->a.elements;
  const std::size_t k = spec->unit.k;
  const bool bytes = spec->a.packing == tensor::ElementPacking::bits_8;
  const auto pattern = spec->a.packing == tensor::ElementPacking::bits_32
                           ? tensor::SparsityPattern::one_of_two
                           : tensor::SparsityPattern::two_of_four;
  std::vector<std::uint32_t> spread_codes(codes.lines * k);
  for (std::uint32_t line = 0; line < codes.lines; ++line) {
    const std::uint32_t quad = line % 8 * 4;
    std::array<std::uint32_t, 2> words{};
    if (bytes) {
      words = {metadata[quad + line / 8], metadata[quad + line / 8 + 2]};
    } else {
      const std::uint32_t shift = line / 8 * 16;
      const std::uint32_t first = quad + 2 * spec->selector;
      words[0] = (metadata[first] >> shift & 0xffff) | (metadata[first + 1] >> shift & 0xffff)
                                                           << 16;
    }
    tensor::spread_sparse_row(pattern, std::span(codes.codes).subspan(line * stored, stored), words,
                              std::span(spread_codes).subspan(line * k, k));
  }
  codes.codes = std::move(spread_codes);
}

void Multiplication::operator()() const {
  thread_local tensor::OperandCache cache;
  const std::uint32_t n = spec->n();
  const SumLayout layout{WgmmaSpec::kWarpRows, n};
  const bool half = spec->half_sums();
  const std::uint32_t step = half ? 2 : 1;
  std::vector<std::uint32_t> d(std::size_t{WgmmaSpec::kWarpRows} * n);
  for (std::uint32_t i = 0; accumulates && i < sums.size(); ++i) {
    const auto* const source = row_of<std::uint32_t>(*warp, sums[i]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t at = layout.index(i * step, lane);
      d[at] = half ? source[lane] & 0xffff : source[lane];
      if (half) {
        d[at + 1] = source[lane] >> 16;
      }
    }
  }
  const auto b = cache.columns(spec->unit, spec->b, chunks_b, shared_origin(warp->cta()));
  const tensor::PreparedOperand a(spec->unit, tensor::PreparedOperand::Role::a, rows());
  tensor::multiply_accumulate(spec->unit, a, *b, d.data(), n);
  for (std::uint32_t i = 0; i < sums.size(); ++i) {
    auto* const target = row_of<std::uint32_t>(*warp, sums[i]);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      const std::uint32_t at = layout.index(i * step, lane);
      target[lane] = half ? d[at] | d[at + 1] << 16 : d[at];
    }
  }
}

void count(GridCounters& counters, const WgmmaSpec& spec) {
  const double flops = 2.0 * WgmmaSpec::kWarpRows * spec.n() * static_cast<double>(spec.unit.k);
  if (spec.unit.kind != tensor::UnitKind::wgmma) {
    counters.mma_ops_integer += flops;
    return;
  }
  switch (spec.a.packing) {
    case tensor::ElementPacking::bits_8:
      counters.mma_flops_fp8 += flops;
      break;
    case tensor::ElementPacking::bits_16:
      counters.mma_flops_f16 += flops;
      break;
    default:
      counters.mma_flops_tf32 += flops;
      break;
  }
}
void count_fetch(GridCounters& counters, const tensor::OperandWavefronts& passes) {
  counters.shared_wavefronts += passes.taken;
  counters.shared_wavefronts_minimum += passes.minimum;
}

std::vector<OperandChunk> chunks_of(Warp& warp, const Op& op, Ref ref,
                                    const tensor::SharedOperand& operand) {
  Cta& cta = warp.cta();
  const auto* const bits = register_row<std::uint64_t>(warp, ref);
  for (std::uint32_t lane = 1; lane < kWarpSize; ++lane) {
    if (bits[lane] != bits[0]) {
      throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                        "wgmma.mma_async: the matrix descriptor has to be the same in all threads "
                        "of the warp (PTX ISA 9.0, section 9.7.15.5.2)");
    }
  }
  try {
    const auto descriptor =
        tensor::MatrixDescriptor::decode(bits[0], tensor::DescriptorRules::wgmma);
    return operand_chunks(descriptor, operand, cta.shared_base() & kOffsetMask,
                          cta.shared_end() & kOffsetMask);
  } catch (const tensor::DescriptorError& error) {
    throw FaultRaised(Fault::Kind::illegal_instruction, 0,
                      std::string("wgmma.mma_async, descriptor of ") +
                          (ref == op.a ? "A: " : "B: ") + error.what() +
                          " (PTX ISA 9.0, section 9.7.15.5.1)");
  }
}

/// Registers of the op as rows of the warp.
Row row_offset(const Warp& warp, Ref ref) {
  return static_cast<Row>(warp.base[0] - warp.registers()) + (ref & ~3U);
}

bool checks_registers(Warp& warp) {
  return warp.cta().grid().config.checks.races;
}

void require_warpgroup(Warp& warp) {
  const std::uint32_t last = warp.index() / WgmmaSpec::kWarps * WgmmaSpec::kWarps + 3;
  if ((last + 1) * kWarpSize > warp.cta().threads()) {
    throw FaultRaised(Fault::Kind::illegal_instruction, 0,
                      "wgmma.mma_async needs a warpgroup: four whole warps, the first a multiple "
                      "of four (PTX ISA 9.0, section 9.7.15.1)");
  }
}

std::string place(Warp& warp, std::uint32_t pc) {
  return describe_location(*warp.cta().grid().module, warp.kernel().source[pc]->where);
}

}  // namespace

void wgmma_multiply(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "wgmma.mma_async")) {
    return;
  }
  require_warpgroup(warp);
  const WgmmaSpec& spec = warp.kernel().wgmma[static_cast<std::size_t>(op.immediate)];
  GridContext& grid = warp.cta().grid();
  count(grid.counters, spec);
  const std::uint32_t quarter = warp.index() % WgmmaSpec::kWarps;

  Multiplication work;
  work.spec = &spec;
  work.warp = &warp;
  const std::uint32_t accumulates = read_predicate(lanes, op.c);
  if (accumulates != 0 && accumulates != kFullMask) {
    throw FaultRaised(Fault::Kind::illegal_instruction, 0,
                      "wgmma.mma_async: scale-d has to be the same in all threads");
  }
  work.accumulates = accumulates != 0;
  const Ref* const refs = &warp.kernel().refs[op.list];
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    (i < spec.sum_registers() ? work.sums : work.operands).push_back(row_offset(warp, refs[i]));
  }
  // The first warp speaks for all four.
  const std::shared_ptr<AsyncRecord> record = quarter == 0 ? AsyncRecord::begin(warp, 0) : nullptr;
  if (!spec.a_in_registers) {
    const auto all = chunks_of(warp, op, op.a, spec.a);
    if (record) {
      record->read_runs(warp.cta().rank(), tensor::runs_of(all), "operand A of wgmma.mma_async");
    }
    for (OperandChunk chunk : all) {
      if (chunk.line / WgmmaSpec::kWarpRows == quarter) {
        chunk.line %= WgmmaSpec::kWarpRows;
        work.chunks_a.push_back(chunk);
      }
    }
    if (quarter == 0) {
      count_fetch(grid.counters, operand_wavefronts(all, spec.a));
    }
  }
  work.chunks_b = chunks_of(warp, op, op.b, spec.b);
  if (record) {
    record->read_runs(warp.cta().rank(), tensor::runs_of(work.chunks_b),
                      "operand B of wgmma.mma_async");
    record->issued();
  }
  if (quarter == 0) {
    count_fetch(grid.counters, operand_wavefronts(work.chunks_b, spec.b));
  }
  if (spec.sparse) {
    const auto* const metadata = register_row<std::uint32_t>(lanes, op.d);
    std::copy_n(metadata, kWarpSize, work.metadata.begin());
  }

  WgmmaPipe& pipe = warp.wgmma();
  WgmmaPipe::Operation operation;
  operation.pc = warp.pc() - 1;
  operation.sums = work.sums;
  operation.operands = work.operands;
  operation.moment =
      async::Moment::draw(warp.cta().cluster().ordering(), warp.cta().random(), kMaxSteps);
  if (checks_registers(warp) && !pipe.is_fenced(operation)) {
    throw FaultRaised(
        Fault::Kind::race, 0,
        "wgmma.mma_async without wgmma.fence: one has to come before the first, and "
        "after its registers were changed or its sums read (PTX ISA 9.0, section 9.7.15.7.1)");
  }
  if (record) {
    operation.waited = [record] { record->forget_reads(); };
  }
  operation.land = [work = std::make_shared<const Multiplication>(std::move(work))] { (*work)(); };
  try {
    pipe.issue(std::move(operation));
  } catch (const tensor::DescriptorError& error) {
    throw FaultRaised(Fault::Kind::illegal_instruction, 0,
                      std::string("wgmma.mma_async.sp: ") + error.what());
  }
}

void wgmma_fence(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "wgmma.fence")) {
    warp.wgmma().fence();
  }
}

void wgmma_commit(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "wgmma.commit_group")) {
    warp.wgmma().commit();
  }
}

void wgmma_wait(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "wgmma.wait_group")) {
    return;
  }
  const auto pending = static_cast<std::uint64_t>(op.immediate);
  const std::uint64_t count = warp.wgmma().completed_by_wait(pending);
  const std::uint32_t first = warp.index() / WgmmaSpec::kWarps * WgmmaSpec::kWarps;
  Cta& cta = warp.cta();
  for (std::uint32_t i = first; count != 0 && i < first + WgmmaSpec::kWarps; ++i) {
    if (cta.warp(i).wgmma().issued() < count) {
      warp.repeat();
      return;
    }
  }
  for (std::uint32_t i = first; count != 0 && i < first + WgmmaSpec::kWarps; ++i) {
    cta.warp(i).wgmma().complete(count);
  }
  warp.wgmma().wait(pending);
}

void wgmma_watch(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!checks_registers(warp)) {
    return;
  }
  WgmmaPipe& pipe = warp.wgmma();
  const RegisterAccesses& accesses =
      warp.kernel().wgmma_accesses[static_cast<std::size_t>(op.immediate)];
  for (const bool is_write : {false, true}) {
    for (const Ref ref : is_write ? accesses.writes : accesses.reads) {
      const Row row = row_offset(warp, ref);
      if (const auto* const other = pipe.disturbed(row, is_write)) {
        if (accesses.is_move) {
          pipe.land_all();
          continue;
        }
        throw FaultRaised(Fault::Kind::race, lowest_lane(mask),
                          std::string(is_write ? "writes" : "reads") +
                              " a register of an operation in flight: wgmma.mma_async at " +
                              place(warp, other->pc) +
                              " uses it until wgmma.wait_group (PTX ISA 9.0, section 9.7.15.7.3)");
      }
      if (!accesses.is_move) {
        pipe.note_access(row, is_write);
      }
    }
  }
}

}  // namespace rackproof::emulator::exec
