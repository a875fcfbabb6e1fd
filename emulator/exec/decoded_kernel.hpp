#pragma once
/// A kernel with the device functions it can reach, as flat code.

#include "emulator/exec/aligned_buffer.hpp"
#include "emulator/exec/bulk_op.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/exec/tensor_instruction.hpp"
#include "emulator/exec/video_op.hpp"
#include "emulator/exec/wgmma.hpp"
#include "emulator/ptx/module.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rackproof::emulator::exec {

/// A .param variable inside a frame: lane l's bytes start at offset + l * stride.
struct FrameVariable {
  std::uint32_t offset = 0;
  std::uint32_t stride = 0;
  std::uint32_t size_bytes = 0;
};

struct FunctionCode {
  std::string name;
  std::uint32_t entry = 0;
  std::uint32_t frame_bytes = 0;
  std::uint32_t local_bytes = 0;
  std::vector<FrameVariable> parameters;
  std::vector<FrameVariable> returns;
};

/// One call instruction: what to copy into the callee's frame and back.
struct CallSite {
  /// A .param variable of the caller, or a register (`width` bytes a lane) as one word.
  struct Argument {
    bool is_register = false;
    Ref reference = 0;
    std::uint32_t width = 0;
    FrameVariable variable;
  };
  std::int32_t function = -1;  ///< index in DecodedKernel::functions; -1: through Op::a
  std::vector<Argument> arguments;
  std::vector<Argument> returns;
  std::string builtin;  ///< "vprintf", "__assertfail", ...: served by the emulator
};

struct DecodedKernel {
  std::string name;
  std::vector<Op> code;
  std::vector<const ptx::Instruction*> source;  ///< parallel to code
  std::vector<Ref> refs;
  std::vector<CallSite> calls;
  std::vector<VideoOp> video;
  std::vector<TensorInstruction> tensor;
  bool has_proxy_fence = false;           ///< fence.proxy.async in any form
  bool has_tensor_wait_load = false;      ///< tcgen05.wait::ld
  bool follows_tensor_registers = false;  ///< EarlyUses::follows_registers
  bool has_tensor_fence_before = false;   ///< tcgen05.fence::before_thread_sync
  bool has_tensor_fence_after = false;    ///< tcgen05.fence::after_thread_sync
  std::vector<BulkOp> bulk;
  std::vector<WgmmaSpec> wgmma;
  std::vector<RegisterAccesses> wgmma_accesses;
  std::vector<std::vector<std::uint32_t>> branch_tables;
  std::vector<FunctionCode> functions;  ///< 0: the kernel
  std::map<std::uint32_t, std::int32_t> function_of_module_index;
  AlignedBuffer constants;
  /// Rows of it that hold addresses in shared memory, which differ among the CTAs of a cluster.
  struct SharedConstant {
    std::uint32_t offset = 0;
    std::uint32_t width = 0;  ///< bytes a lane
  };
  std::vector<SharedConstant> shared_constants;
  std::uint32_t static_shared_bytes = 0;   ///< dynamic shared memory starts here
  std::uint32_t shared_base = 0;           ///< first usable shared address
  std::uint32_t local_bytes = 0;           ///< of the kernel alone; callees stack on top
  std::uint32_t registers_per_thread = 0;  ///< that setmaxnreg starts from; 0: it does nothing
};

}  // namespace rackproof::emulator::exec
