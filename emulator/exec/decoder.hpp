#pragma once
/// Turns the syntax tree of a kernel into Ops. Families of instructions register their decoders
/// (decode_*.cpp); whatever they leave unread of an instruction is refused by name.

#include "emulator/exec/counters.hpp"
#include "emulator/exec/decoded_kernel.hpp"
#include "emulator/exec/early_uses.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/program_impl.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec {

/// The modifiers of one instruction, taken one by one.
class Modifiers {
 public:
  explicit Modifiers(const ptx::Instruction& instruction);

  bool take(std::string_view modifier);
  /// The first one that starts with `prefix`.
  bool take_prefix(std::string_view prefix);
  /// The next type, in order; Type::none if there is no further one.
  ptx::Type take_type();
  /// The first of `names` that is there: its index; -1 if none is.
  int take_any(std::initializer_list<std::string_view> names);
  /// The first one, in the instruction's order, that `accept` wants; empty if there is none.
  template <class Accept>
  std::string_view take_first(Accept&& accept) {
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      if (!taken_[i] && accept(instruction_->modifiers[i])) {
        taken_[i] = true;
        return instruction_->modifiers[i];
      }
    }
    return {};
  }
  /// .rn .rz .rm .rp .rna, or nullopt.
  std::optional<Rounding> take_rounding();
  /// .ftz .sat .satfinite .relu .NaN .xorsign .abs as op_flags.
  std::uint8_t take_flags();
  /// The first modifier that nobody took; empty if all were.
  [[nodiscard]] std::string_view left_over() const;

 private:
  const ptx::Instruction* instruction_;
  std::vector<bool> taken_;
};

class Decoder {
 public:
  Decoder(const Program::Impl& program, DecodedKernel& out, const SharedLayout& layout);

  /// Decodes the kernel and everything it reaches.
  void run(std::size_t kernel_function);

  // For the decoders of instruction families; `instruction` is the current one.
  [[nodiscard]] const ptx::Instruction& instruction() const { return *instruction_; }
  [[nodiscard]] const ptx::Function& function() const { return *function_; }
  [[nodiscard]] const Program::Impl& program() const { return *program_; }
  [[nodiscard]] DecodedKernel& out() { return *out_; }
  [[nodiscard]] Modifiers& modifiers() { return *modifiers_; }
  /// Counts the instructions of all functions of the kernel.
  [[nodiscard]] std::uint32_t instruction_number() const {
    return first_number_ + static_cast<std::uint32_t>(instruction_index_);
  }
  [[nodiscard]] std::size_t operand_count() const { return instruction_->operands.size(); }
  [[nodiscard]] const ptx::Operand& operand(std::size_t index) const;

  /// Appends an op with the instruction's guard. nullptr: the type is not defined for it.
  Op& emit(Handler handler, InstructionClass instruction_class);
  /// The row an operand is read from; literals become constants of `type`'s width.
  Ref source(const ptx::Operand& operand, ptx::Type type);
  Ref source(std::size_t index, ptx::Type type) { return source(operand(index), type); }
  Ref source_predicate(const ptx::Operand& operand);
  /// The row of a register (kNoRef for "_").
  Ref destination(const ptx::Operand& operand);
  Ref destination(std::size_t index) { return destination(operand(index)); }
  /// Bytes a lane of the register's row: 4, 8 or 16; 0 for a predicate.
  [[nodiscard]] std::uint32_t row_bytes(const ptx::Operand& operand) const;
  [[nodiscard]] ptx::Type register_type(const ptx::Operand& operand) const;
  /// The registers of a vector operand, or the operand itself.
  [[nodiscard]] std::vector<const ptx::Operand*> elements(const ptx::Operand& operand) const;
  /// Does a compare-and-swap of the function expect a value of `data`?
  [[nodiscard]] bool is_compared(const ptx::Operand& data) const;
  Ref constant(std::uint64_t bits, std::uint32_t width);
  /// The same for an address in shared memory: its row differs among the CTAs of a cluster.
  Ref shared_constant(std::uint64_t address, std::uint32_t width);
  /// A scratch row of the frame.
  Ref temporary(std::uint32_t width);
  std::uint32_t add_refs(const std::vector<Ref>& refs);
  /// [reg+imm], [symbol+imm] into op.a, op.immediate and the address width.
  void address(Op& op, const ptx::Operand& operand, AddressKind space);
  /// A .param variable of the current function, by name; nullptr for kernels' parameters.
  [[nodiscard]] const FrameVariable* frame_variable(const std::string& name) const;
  /// Byte offset of a kernel parameter; nullopt if there is none of that name.
  [[nodiscard]] std::optional<std::uint32_t> kernel_parameter(const std::string& name) const;
  /// The address of a variable or function, of its own state space unless `generic`.
  std::uint64_t symbol_address(const std::string& name);
  /// Index in DecodedKernel::functions, decoded later; -1 if it is only declared.
  std::int32_t function_index(const std::string& name);
  /// Every function whose address is taken: what an indirect call may reach.
  void reach_called_through_pointers();
  void branch_to(std::size_t op_index, std::uint32_t target);
  void branch_table(std::vector<std::uint32_t>& table);
  Ref carry_flag();
  [[nodiscard]] const ptx::CallInfo* call_info() const;
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  void decode_function(std::int32_t index, std::size_t module_index);
  void lay_out_frame();
  void decode_instruction(std::size_t index);
  void insert_gate(std::size_t first_op);
  void insert_wgmma_watch(std::size_t first_op);  ///< decode_wgmma.cpp
  /// Before an instruction that may touch registers of a tcgen05.ld too early.
  void check_early_use();
  [[nodiscard]] std::int32_t reach(std::size_t module_index);
  void mark_spins(std::size_t first_op);
  [[nodiscard]] bool waits_for_time(std::size_t first, std::size_t last) const;

  const Program::Impl* program_;
  DecodedKernel* out_;
  const SharedLayout* layout_;
  const ptx::Function* function_ = nullptr;
  std::size_t module_index_ = 0;
  std::size_t instruction_index_ = 0;
  std::uint32_t first_number_ = 0;  ///< of the function's first instruction
  EarlyUses early_uses_;
  const ptx::Instruction* instruction_ = nullptr;
  Modifiers* modifiers_ = nullptr;
  std::uint32_t frame_bytes_ = 0;
  std::uint32_t local_bytes_ = 0;
  Ref carry_ = kNoRef;
  std::vector<Ref> register_refs_;
  std::vector<bool> wgmma_registers_;  ///< by register; empty: the function has no wgmma
  std::map<std::string, FrameVariable, std::less<>> frame_variables_;
  std::map<std::string, std::uint32_t, std::less<>> local_offsets_;
  using ConstantKey = std::pair<std::uint64_t, std::uint32_t>;
  Ref add_constant(std::map<ConstantKey, Ref>& known, std::uint64_t bits, std::uint32_t width);
  [[nodiscard]] bool is_shared_variable(const std::string& name) const;
  std::map<ConstantKey, Ref> constants_;
  std::map<ConstantKey, Ref> shared_constants_;
  std::uint32_t constants_end_ = 0;
  std::vector<std::pair<std::int32_t, std::size_t>> pending_;    ///< (own index, module index)
  std::vector<std::pair<std::size_t, std::uint32_t>> branches_;  ///< op -> PTX instruction
  std::vector<std::size_t> tables_;
  std::vector<std::uint32_t> first_op_;           ///< of each PTX instruction of the function
  std::set<ptx::RegisterIndex> compared_values_;  ///< of the current function
};

[[nodiscard]] constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}
/// Bytes a lane of a register row of this type; 0 for a predicate.
[[nodiscard]] inline std::uint32_t row_width(ptx::Type type) {
  if (type == ptx::Type::pred) {
    return 0;
  }
  const std::uint32_t bytes = ptx::size_bytes(type);
  return bytes < 4 ? 4 : bytes;
}

using DecodeFunction = void (*)(Decoder&);
using DecodeTable = std::map<std::string_view, DecodeFunction>;
void add_arithmetic(DecodeTable& table);
void add_logic(DecodeTable& table);
void add_conversions(DecodeTable& table);
void add_memory(DecodeTable& table);
void add_control(DecodeTable& table);
void add_warp(DecodeTable& table);
void add_matrix(DecodeTable& table);
void add_stack(DecodeTable& table);
void add_mbarrier(DecodeTable& table);
void copy_async_mbarrier(Decoder& decoder);  ///< of the cp family, after "cp.async.mbarrier"
void add_video(DecodeTable& table);
void add_tcgen05(DecodeTable& table);
void copy_bulk(Decoder& decoder, bool is_reduction);           ///< of the cp family, after "bulk"
void asynchronous_store(Decoder& decoder, bool is_reduction);  ///< st.async, red.async
void add_cluster(DecodeTable& table);
void add_tensor_map(DecodeTable& table);
void cluster_barrier(Decoder& decoder);  ///< of the barrier family, after "barrier.cluster"
void add_wgmma(DecodeTable& table);
/// The registers of D and A of its wgmma.mma_async; empty if it has none.
[[nodiscard]] std::vector<bool> registers_of_wgmma(const ptx::Function& function);

}  // namespace rackproof::emulator::exec
