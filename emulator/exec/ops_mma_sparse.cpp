// mma.sp: PTX ISA 9.0, section 9.7.14.6. A row of A holds half of K, and metadata says which half:
// its sums are those of the stored elements, in their order.
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/mma_fragments.hpp"
#include "emulator/tensor/shared_descriptor.hpp"
#include "emulator/tensor/sparsity.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

namespace rackproof::emulator::exec {
namespace {

constexpr std::size_t kRows = 16;
constexpr std::size_t kColumns = 8;
constexpr std::size_t kLargestK = 128;

// Who holds the metadata of a row, with r for the row below eight: 16 bits in the one thread of
// four that the selector names, rows r and r + 8 in halves of its word; 32 bits of 16- and 32-bit
// elements in the two that it names, each with half of K of both rows; 32 bits of narrower ones in
// the two, row r in the first; 64 bits in all four, first half of K first.
std::array<std::uint32_t, 2> metadata_of(const std::uint32_t* words, const MmaSpec& spec,
                                         std::uint32_t selector, std::uint32_t row) {
  const std::uint32_t quad = row % 8 * 4;
  const std::uint32_t upper = row / 8;
  const std::uint32_t shift = upper * 16;
  switch (sparse_metadata_bits(spec)) {
    case 16:
      return {words[quad + selector] >> shift & 0xffff, 0};
    case 32: {
      const std::uint32_t first = quad + 2 * selector;
      return spec.bits >= 16
                 ? std::array<std::uint32_t, 2>{(words[first] >> shift & 0xffff) |
                                                    (words[first + 1] >> shift & 0xffff) << 16,
                                                0}
                 : std::array<std::uint32_t, 2>{words[first + upper], 0};
    }
    default:
      return {words[quad + upper], words[quad + upper + 2]};
  }
}

tensor::SparsityPattern pattern_of(const MmaSpec& spec) {
  return spec.bits == 32  ? tensor::SparsityPattern::one_of_two
         : spec.bits == 4 ? tensor::SparsityPattern::pairs_of_two_four
                          : tensor::SparsityPattern::two_of_four;
}

// Where along K the stored elements of each row lie, row by row.
std::vector<std::uint32_t> places_of(const std::uint32_t* metadata, const MmaSpec& spec,
                                     std::uint32_t selector, bool ordered) {
  const auto k = static_cast<std::size_t>(spec.shape.k);
  std::vector<std::uint32_t> stored(k / 2);
  std::iota(stored.begin(), stored.end(), 0U);
  std::vector<std::uint32_t> spread(k);
  std::vector<std::uint32_t> places(kRows * k / 2);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    try {
      tensor::spread_sparse_row(pattern_of(spec), stored,
                                metadata_of(metadata, spec, selector, row), spread);
    } catch (const tensor::DescriptorError& broken) {
      throw FaultRaised(Fault::Kind::illegal_instruction, row % 8 * 4,
                        "mma.sp, row " + std::to_string(row) + ": " + broken.what());
    }
    std::uint32_t* const to = places.data() + row * k / 2;
    for (std::uint32_t at = 0; at < k; ++at) {
      if (spread[at] != tensor::kAbsentElement) {
        to[spread[at]] = at;
      }
    }
    if (ordered && !std::is_sorted(to, to + k / 2)) {
      throw FaultRaised(Fault::Kind::illegal_instruction, row % 8 * 4,
                        "mma.sp::ordered_metadata, row " + std::to_string(row) +
                            ": the indices of a group do not rise");
    }
  }
  return places;
}

// Row by row: the columns of B at the places of the row's elements.
template <class Element, class Multiply>
void multiply_rows(const MmaSpec& spec, const std::vector<std::uint32_t>& places, const Element* a,
                   const Element* b, Multiply&& multiply) {
  const auto k = static_cast<std::size_t>(spec.shape.k);
  const std::size_t stored = k / 2;
  std::array<Element, kColumns * kLargestK / 2> chosen;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      for (std::size_t i = 0; i < stored; ++i) {
        chosen[column * stored + i] = b[column * k + places[row * stored + i]];
      }
    }
    multiply(row, a + row * stored, chosen.data());
  }
}

}  // namespace

std::uint32_t sparse_metadata_bits(const MmaSpec& spec) {
  const std::uint32_t group = spec.bits == 32 ? 2 : spec.bits == 4 ? 8 : 4;
  return static_cast<std::uint32_t>(spec.shape.k) / group * 4;
}

void matrix_multiply_sparse(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "mma.sp")) {
    return;
  }
  const MmaSpec spec = MmaSpec::unpack(op.immediate);
  count_multiplication(warp.cta().grid().counters, spec);
  const auto k = static_cast<std::uint32_t>(spec.shape.k);
  const bool is_integer = spec.kind == MatrixKind::integer;
  const bool half = !is_integer && spec.accumulator_d == tensor::Accumulator::f16;
  const SumLayout sums{kRows, kColumns};
  Registers registers(lanes, op);
  registers.skip(sums.elements() / (half ? 2 : 1));
  std::vector<std::uint32_t> a(kRows * k / 2);
  std::vector<std::uint32_t> b(kColumns * k);
  const std::uint32_t element = spec.bits == 32 ? ~0U : (1U << spec.bits) - 1;
  const auto extract = [&](std::uint32_t word, std::uint32_t j) {
    return word >> (j * spec.bits) & element;
  };
  read_operand<std::uint32_t>(registers, {kRows, k / 2, spec.bits, true}, a.data(), extract);
  read_operand<std::uint32_t>(registers, {kColumns, k, spec.bits, false}, b.data(), extract);
  alignas(64) std::array<std::uint32_t, kRows * kColumns> c;
  read_sums(registers, sums, half, c.data());
  const std::vector<std::uint32_t> places =
      places_of(registers.source<std::uint32_t>(), spec, op.d & 3, (op.d & 4) != 0);
  tensor::MmaShape shape = spec.shape;
  shape.m = 1;
  shape.k /= 2;
  if (is_integer) {
    const auto widen = [&spec](const std::vector<std::uint32_t>& codes, bool is_signed) {
      std::vector<std::int16_t> wide(codes.size());
      std::transform(codes.begin(), codes.end(), wide.begin(), [&](std::uint32_t code) {
        const std::uint32_t sign = is_signed ? 1U << (spec.bits - 1) : 0;
        return static_cast<std::int16_t>(static_cast<std::int32_t>(code ^ sign) -
                                         static_cast<std::int32_t>(sign));
      });
      return wide;
    };
    const std::vector<std::int16_t> wide_a = widen(a, spec.signed_a);
    const std::vector<std::int16_t> wide_b = widen(b, spec.signed_b);
    multiply_rows(spec, places, wide_a.data(), wide_b.data(),
                  [&](std::size_t row, const std::int16_t* line, const std::int16_t* chosen) {
                    auto* const at = reinterpret_cast<std::int32_t*>(&c[row * kColumns]);
                    tensor::multiply_accumulate_integer(shape, spec.satfinite, line, chosen, at,
                                                        at);
                  });
  } else {
    multiply_rows(spec, places, a.data(), b.data(),
                  [&](std::size_t row, const std::uint32_t* line, const std::uint32_t* chosen) {
                    std::uint32_t* const at = &c[row * kColumns];
                    tensor::multiply_accumulate(warp.cta().grid().generation, spec.format_a,
                                                spec.format_b, spec.accumulator_d, shape, line,
                                                chosen, at, at);
                  });
  }
  Registers results(lanes, op);
  write_sums(lanes, results, sums, half, c.data());
}

}  // namespace rackproof::emulator::exec
