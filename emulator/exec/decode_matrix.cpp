// ldmatrix, stmatrix, movmatrix, mma.sync and wmma.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/fragments.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kOther = InstructionClass::other;

void matrix_move(Decoder& decoder, bool is_store) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  const int shape = modifiers.take_any({"m8n8", "m8n16", "m16n16", "m16n8"});
  modifiers.take_any({"x1", "x2", "x4"});
  const bool transposed = modifiers.take("trans");
  const bool shared = modifiers.take_any({"shared", "shared::cta"}) >= 0;
  modifiers.take("b8x16");
  const int padded = modifiers.take_any({"b6x16_p32", "b4x16_p64"});
  (void)modifiers.take_type();
  const auto registers = decoder.elements(decoder.operand(is_store ? 1 : 0));
  std::vector<Ref> refs;
  for (const auto* element : registers) {
    refs.push_back(is_store ? decoder.source(*element, Type::b32) : decoder.destination(*element));
  }
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(is_store ? store_matrix : load_matrix,
                        is_store ? InstructionClass::store_shared : InstructionClass::load_shared);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.mode = static_cast<std::uint8_t>(
      (transposed ? matrix_mode::kTransposed : 0) | (shape >= 2 ? matrix_mode::kBytes : 0) |
      (padded == 0 ? matrix_mode::kSixBits : 0) | (padded == 1 ? matrix_mode::kFourBits : 0));
  op.size = 16;
  decoder.address(op, decoder.operand(is_store ? 0 : 1),
                  shared ? AddressKind::shared : AddressKind::generic);
}
void ldmatrix(Decoder& decoder) {
  matrix_move(decoder, false);
}
void stmatrix(Decoder& decoder) {
  matrix_move(decoder, true);
}

void movmatrix(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  modifiers.take("m8n8");
  modifiers.take("trans");
  (void)modifiers.take_type();
  const Ref a = decoder.source(1, Type::b32);
  Op& op = decoder.emit(move_matrix, kOther);
  op.dst = decoder.destination(0);
  op.a = a;
}

// Types of matrix elements, those narrower than a byte included.
struct ElementType {
  std::string_view name;
  MatrixKind kind;
  std::uint32_t bits;
  bool is_signed;
  tensor::Format format;
};
constexpr std::array kElementTypes = {
    ElementType{"f16", MatrixKind::floating, 16, true, tensor::Format::f16},
    ElementType{"bf16", MatrixKind::floating, 16, true, tensor::Format::bf16},
    ElementType{"tf32", MatrixKind::floating, 32, true, tensor::Format::tf32},
    ElementType{"e4m3", MatrixKind::floating, 8, true, tensor::Format::e4m3},
    ElementType{"e5m2", MatrixKind::floating, 8, true, tensor::Format::e5m2},
    ElementType{"f32", MatrixKind::floating, 32, true, tensor::Format::tf32},
    ElementType{"f64", MatrixKind::f64, 64, true, tensor::Format::f16},
    ElementType{"s32", MatrixKind::integer, 32, true, tensor::Format::f16},
    ElementType{"u8", MatrixKind::integer, 8, false, tensor::Format::f16},
    ElementType{"s8", MatrixKind::integer, 8, true, tensor::Format::f16},
    ElementType{"u4", MatrixKind::integer, 4, false, tensor::Format::f16},
    ElementType{"s4", MatrixKind::integer, 4, true, tensor::Format::f16},
    ElementType{"b1", MatrixKind::bits, 1, false, tensor::Format::f16},
};

const ElementType* element_type(std::string_view name) {
  for (const ElementType& type : kElementTypes) {
    if (type.name == name) {
      return &type;
    }
  }
  return nullptr;
}

const ElementType& take_element_type(Decoder& decoder) {
  const std::string_view name = decoder.modifiers().take_first(
      [](std::string_view modifier) { return element_type(modifier) != nullptr; });
  if (name.empty()) {
    decoder.refuse("an element type is missing");
  }
  return *element_type(name);
}

// "m16n8k16"; the rules of the parser know which shapes exist for which types.
tensor::MmaShape take_shape(Decoder& decoder) {
  const std::string_view text = decoder.modifiers().take_first([](std::string_view modifier) {
    return modifier.size() > 4 && modifier[0] == 'm' && modifier[1] >= '0' && modifier[1] <= '9';
  });
  tensor::MmaShape shape{};
  const char* const end = text.data() + text.size();
  const char* at = text.data();
  for (int* const part : {&shape.m, &shape.n, &shape.k}) {
    const auto [next, error] = std::from_chars(at == end ? end : at + 1, end, *part);
    if (error != std::errc()) {
      decoder.refuse("the shape is missing");
    }
    at = next;
  }
  return shape;
}

void add_registers(Decoder& decoder, std::size_t index, const ElementType& type,
                   std::vector<Ref>& refs) {
  const Type literal = type.kind == MatrixKind::f64 ? Type::f64
                       : type.name == "f32"         ? Type::f32
                                                    : Type::b32;
  for (const auto* element : decoder.elements(decoder.operand(index))) {
    refs.push_back(index == 0 ? decoder.destination(*element) : decoder.source(*element, literal));
  }
}

std::size_t sum_registers(const tensor::MmaShape& shape, const ElementType& type) {
  return static_cast<std::size_t>(shape.m * shape.n) / kWarpSize / (type.bits == 16 ? 2 : 1);
}

std::size_t operand_registers(std::uint32_t lines, const MmaSpec& spec, std::uint32_t bits) {
  if (spec.variant == kWmmaHalf && spec.kind == MatrixKind::floating) {
    return 8;
  }
  return OperandLayout{lines, static_cast<std::uint32_t>(spec.shape.k), bits, true}.registers();
}

struct MmaTypes {
  const ElementType* d;
  const ElementType* a;
  const ElementType* b;
  const ElementType* c;
};

// The metadata of mma.sp and its selector: appends the one, returns the other.
std::uint32_t take_metadata(Decoder& decoder, const MmaSpec& spec, std::vector<Ref>& refs) {
  refs.push_back(decoder.source(4, Type::b32));
  const auto* const selector = std::get_if<ptx::IntegerLiteral>(&decoder.operand(5).value);
  const std::uint32_t bits = sparse_metadata_bits(spec);
  const std::int64_t largest = bits == 16 ? 3 : bits == 32 ? 1 : 0;
  if (selector == nullptr || selector->value < 0 || selector->value > largest) {
    decoder.refuse("the sparsity selector is a constant from 0 to " + std::to_string(largest));
  }
  return static_cast<std::uint32_t>(selector->value);
}

// The common end of mma.sync and wmma.mma. `sparsity`: -1 for dense operands, 1 for metadata that
// is ordered.
void emit_multiply(Decoder& decoder, MmaSpec spec, const MmaTypes& types, int sparsity = -1) {
  Modifiers& modifiers = decoder.modifiers();
  const auto accumulator = [](const ElementType& type) {
    return type.bits == 16 ? tensor::Accumulator::f16 : tensor::Accumulator::f32;
  };
  spec.kind = types.a->kind;
  spec.format_a = types.a->format;
  spec.format_b = types.b->format;
  spec.accumulator_c = accumulator(*types.c);
  spec.accumulator_d = accumulator(*types.d);
  spec.bits = types.a->bits;
  spec.signed_a = types.a->is_signed;
  spec.signed_b = types.b->is_signed;
  if (spec.kind == MatrixKind::f64) {
    constexpr tensor::DoubleRounding kRoundings[] = {
        tensor::DoubleRounding::nearest_even, tensor::DoubleRounding::zero,
        tensor::DoubleRounding::down, tensor::DoubleRounding::up};
    const auto rounding = modifiers.take_rounding().value_or(Rounding::nearest_even);
    spec.variant = static_cast<std::uint32_t>(kRoundings[static_cast<std::size_t>(rounding)]);
  }
  spec.satfinite = modifiers.take("satfinite");
  if (spec.kind == MatrixKind::bits) {
    const bool conjunction = modifiers.take_any({"xor", "and"}) == 1;
    modifiers.take("popc");
    spec.variant = static_cast<std::uint32_t>(conjunction ? tensor::BitOperation::conjunction
                                                          : tensor::BitOperation::exclusive_or);
  }
  std::vector<Ref> refs;
  add_registers(decoder, 0, *types.d, refs);
  add_registers(decoder, 1, *types.a, refs);
  add_registers(decoder, 2, *types.b, refs);
  add_registers(decoder, 3, *types.c, refs);
  const auto m = static_cast<std::uint32_t>(spec.shape.m);
  const auto n = static_cast<std::uint32_t>(spec.shape.n);
  const std::size_t stored = sparsity < 0 ? 1 : 2;  // of so many elements of A one
  const std::size_t expected[] = {
      sum_registers(spec.shape, *types.d), operand_registers(m, spec, types.a->bits) / stored,
      operand_registers(n, spec, types.b->bits), sum_registers(spec.shape, *types.c)};
  for (std::size_t i = 0; i < 4; ++i) {
    if (decoder.elements(decoder.operand(i)).size() != expected[i]) {
      decoder.refuse("operand " + std::to_string(i + 1) + " has to have " +
                     std::to_string(expected[i]) + " registers");
    }
  }
  const std::uint32_t selector = sparsity < 0 ? 0 : take_metadata(decoder, spec, refs);
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(sparsity >= 0                       ? matrix_multiply_sparse
                        : spec.kind == MatrixKind::floating ? matrix_multiply
                                                            : matrix_multiply_exact,
                        InstructionClass::tensor);
  op.d = selector | (sparsity == 1 ? 4U : 0U);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.immediate = spec.pack();
}

std::string_view take_layout(Modifiers& modifiers) {
  return modifiers.take_first(
      [](std::string_view modifier) { return modifier == "row" || modifier == "col"; });
}

// mma.m8n8k4 of f16: four products a warp.
void multiply_quads(Decoder& decoder, MmaSpec spec, const MmaTypes& types) {
  const auto sum_registers_of = [](const ElementType& type) {
    return type.bits == 16 ? std::size_t{4} : std::size_t{8};
  };
  const auto accumulator = [](const ElementType& type) {
    return type.bits == 16 ? tensor::Accumulator::f16 : tensor::Accumulator::f32;
  };
  const std::size_t expected[] = {sum_registers_of(*types.d), 2, 2, sum_registers_of(*types.c)};
  for (std::size_t i = 0; i < 4; ++i) {
    if (decoder.elements(decoder.operand(i)).size() != expected[i]) {
      decoder.refuse("operand " + std::to_string(i + 1) + " has to have " +
                     std::to_string(expected[i]) + " registers");
    }
  }
  spec.bits = 16;
  spec.accumulator_c = accumulator(*types.c);
  spec.accumulator_d = accumulator(*types.d);
  std::vector<Ref> refs;
  add_registers(decoder, 0, *types.d, refs);
  add_registers(decoder, 1, *types.a, refs);
  add_registers(decoder, 2, *types.b, refs);
  add_registers(decoder, 3, *types.c, refs);
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(matrix_multiply_quads, InstructionClass::tensor);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.immediate = spec.pack();
}

void mma(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int sparsity = modifiers.take_any({"sp", "sp::ordered_metadata"});
  // With e4m3 and e5m2, all that targets other than sm_120 have, .kind::f8f6f4 changes nothing.
  modifiers.take("kind::f8f6f4");
  if (modifiers.take_prefix("kind::")) {
    decoder.refuse("block-scaled mma.sync (sm_120) is not supported");
  }
  modifiers.take("sync");
  modifiers.take("aligned");
  MmaSpec spec;
  spec.shape = take_shape(decoder);
  const bool a_by_columns = take_layout(modifiers) == "col";
  const bool b_by_rows = take_layout(modifiers) == "row";
  const ElementType& d = take_element_type(decoder);
  const ElementType& a = take_element_type(decoder);
  const ElementType& b = take_element_type(decoder);
  const ElementType& c = take_element_type(decoder);
  if (spec.shape.m == 8 && a.bits == 16) {
    spec.variant = (a_by_columns ? kQuadsAByColumns : 0) | (b_by_rows ? kQuadsBByRows : 0);
    multiply_quads(decoder, spec, {&d, &a, &b, &c});
    return;
  }
  if (a_by_columns || b_by_rows) {
    decoder.refuse("this layout is not supported");
  }
  emit_multiply(decoder, spec, {&d, &a, &b, &c}, sparsity);
}

void wmma_multiply(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  // Fragments know the layout they were loaded in.
  modifiers.take_any({"row", "col"});
  modifiers.take_any({"row", "col"});
  MmaSpec spec;
  spec.shape = take_shape(decoder);
  const ElementType& d = take_element_type(decoder);
  const ElementType& second = take_element_type(decoder);
  const std::string_view third = modifiers.take_first(
      [](std::string_view modifier) { return element_type(modifier) != nullptr; });
  if (third.empty()) {
    // wmma.mma....dtype.ctype: A and B are f16.
    const ElementType& half = *element_type("f16");
    spec.variant = kWmmaHalf;
    emit_multiply(decoder, spec, {&d, &half, &half, &second});
    return;
  }
  const ElementType& c = take_element_type(decoder);
  spec.variant = second.name == "tf32" ? kWmmaSteps : 0;
  emit_multiply(decoder, spec, {&d, &second, element_type(third), &c});
}

// wmma.load and wmma.store.
void wmma_move(Decoder& decoder, bool is_store) {
  Modifiers& modifiers = decoder.modifiers();
  FragmentSpec spec;
  const int role = modifiers.take_any({"a", "b", "c", "d"});
  modifiers.take("sync");
  modifiers.take("aligned");
  spec.column_major = modifiers.take_any({"row", "col"}) == 1;
  const tensor::MmaShape shape = take_shape(decoder);
  const int space = modifiers.take_any({"global", "shared", "shared::cta"});
  const ElementType& type = take_element_type(decoder);
  spec.role = role == 0 ? FragmentRole::a : role == 1 ? FragmentRole::b : FragmentRole::sum;
  spec.m = static_cast<std::uint32_t>(shape.m);
  spec.n = static_cast<std::uint32_t>(shape.n);
  spec.k = static_cast<std::uint32_t>(shape.k);
  spec.bits = type.bits;
  const Type literal = type.kind == MatrixKind::f64 ? Type::f64
                       : type.name == "f32"         ? Type::f32
                                                    : Type::b32;
  std::vector<Ref> refs;
  for (const auto* element : decoder.elements(decoder.operand(is_store ? 1 : 0))) {
    refs.push_back(is_store ? decoder.source(*element, literal) : decoder.destination(*element));
  }
  const std::size_t lines = spec.role == FragmentRole::b ? spec.n : spec.m;
  const std::size_t expected =
      spec.role == FragmentRole::sum ? sum_registers(shape, type)
      : type.name == "f16"
          ? 8
          : OperandLayout{static_cast<std::uint32_t>(lines), spec.k, spec.bits, true}.registers();
  if (refs.size() != expected) {
    decoder.refuse("the fragment has " + std::to_string(expected) + " registers");
  }
  const Ref stride = decoder.operand_count() > 2 ? decoder.source(2, Type::u32) : kNoRef;
  // The scratch rows that single accesses go through: addresses, and parts of registers.
  refs.push_back(decoder.temporary(8));
  refs.push_back(decoder.temporary(4));
  const std::uint32_t list = decoder.add_refs(refs);
  const bool shared = space > 0;
  Op& op = decoder.emit(
      is_store ? store_fragment : load_fragment,
      is_store ? (shared ? InstructionClass::store_shared : InstructionClass::store_global)
               : (shared ? InstructionClass::load_shared : InstructionClass::load_global));
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.b = stride;
  op.d = spec.pack();
  decoder.address(op, decoder.operand(is_store ? 0 : 1),
                  shared       ? AddressKind::shared
                  : space == 0 ? AddressKind::global
                               : AddressKind::generic);
}

void wmma(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  switch (modifiers.take_any({"mma", "load", "store"})) {
    case 0:
      wmma_multiply(decoder);
      break;
    case 1:
      wmma_move(decoder, false);
      break;
    default:
      wmma_move(decoder, true);
      break;
  }
}

}  // namespace

void add_matrix(DecodeTable& table) {
  table["ldmatrix"] = ldmatrix;
  table["stmatrix"] = stmatrix;
  table["movmatrix"] = movmatrix;
  table["mma"] = mma;
  table["wmma"] = wmma;
}

}  // namespace rackproof::emulator::exec
