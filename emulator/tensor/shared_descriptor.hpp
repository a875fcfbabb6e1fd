#pragma once
/// Operands of wgmma and tcgen05 in shared memory: the 64-bit matrix descriptor and the canonical
/// layouts behind it (PTX ISA 9.0, sections 9.7.15.5.1 and 9.7.16.4.1).
///
/// Everything is made of chunks of 16 bytes. The swizzle exchanges chunks by an XOR on address
/// bits, so the address of a chunk is linear arithmetic first and one XOR last.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {

enum class SharedSwizzle : std::uint8_t { none, bytes_32, bytes_64, bytes_128, bytes_128_atom_32 };

/// Which rules a descriptor has to follow.
enum class DescriptorRules : std::uint8_t { wgmma, tcgen05, tcgen05_absolute };

/// The message names the rule of the ISA.
class DescriptorError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Byte addresses and offsets, from 0 of the CTA's shared window.
struct MatrixDescriptor {
  std::uint32_t start = 0;
  std::uint32_t leading = 0;  ///< LBO; with absolute_leading an address
  std::uint32_t stride = 0;   ///< SBO
  std::uint32_t base_offset = 0;
  bool absolute_leading = false;  ///< sm_103a: 48-byte steps of K
  SharedSwizzle swizzle = SharedSwizzle::none;

  /// Throws DescriptorError. tcgen05_absolute: bit 52 may be set (sm_103a).
  static MatrixDescriptor decode(std::uint64_t bits, DescriptorRules rules);
};

/// How elements lie in a chunk.
enum class ElementPacking : std::uint8_t {
  bits_1,         ///< an element is a word of 32 here, 4 a chunk
  bits_4,         ///< 32 a chunk, the lower k in the low nibble
  bits_8,         ///< 16 a chunk
  bits_16,        ///< 8 a chunk
  bits_32,        ///< 4 a chunk
  bits_4_padded,  ///< .b4x16_p64: 16 a chunk, 8 bytes of padding behind them
  bits_6_padded,  ///< .b6x16_p32: 16 a chunk, 4 bytes of padding behind them
};
[[nodiscard]] std::size_t elements_per_chunk(ElementPacking packing);

/// Rows of A or columns of B in shared memory.
struct SharedOperand {
  std::size_t lines = 0;     ///< of M or N
  std::size_t elements = 0;  ///< along K, as stored
  ElementPacking packing = ElementPacking::bits_16;
  bool mn_major = false;  ///< "transposed"

  bool operator==(const SharedOperand&) const = default;
};

/// One chunk: 16 bytes of one line from `element` on, or (MN-major) of one element from `line` on.
struct OperandChunk {
  std::uint32_t address = 0;
  std::uint16_t line = 0;
  std::uint16_t element = 0;
};
/// All chunks of an operand, line by line (MN-major: K by K). `shared_begin` and `shared_end` bound
/// the shared memory there is: DescriptorError if a chunk leaves it, or if type, major-ness and
/// swizzle do not fit. With a base offset of 0 the swizzle is that of the address bits wherever the
/// matrix begins, as bulk copies write it.
[[nodiscard]] std::vector<OperandChunk> operand_chunks(const MatrixDescriptor& descriptor,
                                                       const SharedOperand& operand,
                                                       std::uint32_t shared_begin,
                                                       std::uint32_t shared_end);

/// Bytes [begin, end) of shared memory.
struct SharedRun {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};
/// What the chunks cover, from low to high addresses.
[[nodiscard]] std::vector<SharedRun> runs_of(const std::vector<OperandChunk>& chunks);

/// The codes of an operand, lines x elements, line by line (OperandCodes::codes). `shared`: the
/// byte at address 0. tf32 codes lose their low 13 bits.
void read_operand(const std::vector<OperandChunk>& chunks, const SharedOperand& operand,
                  const std::byte* shared, std::vector<std::uint32_t>& codes);

/// Passes over the 32 banks of shared memory that these reads take, a core matrix (8 lines or steps
/// of K, 16 bytes each) at a time: one if no two of its chunks share a bank.
struct OperandWavefronts {
  std::uint64_t taken = 0;
  std::uint64_t minimum = 0;
};
[[nodiscard]] OperandWavefronts operand_wavefronts(const std::vector<OperandChunk>& chunks,
                                                   const SharedOperand& operand);

}  // namespace rackproof::emulator::tensor
