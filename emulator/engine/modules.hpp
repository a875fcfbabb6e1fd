#pragma once
/// Modules, kernels and variables: from what nvcc registers to programs the executor can run.

#include "emulator/exec/program.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace rackproof::emulator::engine {

class Module;

/// One kernel of a module, on any device. cudaKernel_t, cudaFunction_t and CUfunction point to it.
struct Kernel {
  Module* module = nullptr;
  std::string name;
  /// cudaFuncAttributeMaxDynamicSharedMemorySize; -1: not set.
  int max_dynamic_shared_bytes = -1;
  int shared_carveout = -1;
  bool allows_non_portable_cluster = false;
};

/// A kernel resolved for one device.
struct ResolvedKernel {
  const exec::Program* program = nullptr;
  std::size_t index = 0;
  std::uint32_t ptx_architecture = 0;
  [[nodiscard]] const exec::KernelInfo& info() const;
};

/// One fatbin, several relocatable ones, or PTX text; parsed at its first use (CUDA's lazy
/// loading), decoded once a device.
class Module {
 public:
  explicit Module(const void* image) : image_(image) {}
  /// Relocatable fatbins to be linked; `image` is the fatbin of the linked cubin.
  Module(const void* image, std::vector<const void*> relocatable)
      : image_(image), relocatable_(std::move(relocatable)) {}
  /// Owns its bytes (cuModuleLoadData may get a temporary); `image` as cuModuleLoadData takes it.
  explicit Module(std::string ptx_text) : ptx_text_(std::move(ptx_text)) {}
  /// What cuLinkComplete made.
  explicit Module(std::shared_ptr<const ptx::Module> linked) : syntax_(std::move(linked)) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// The program of a device, or an error that was said on stderr once.
  cudaError_t program(int device, const exec::Program** program);
  cudaError_t resolve(const Kernel& kernel, int device, ResolvedKernel& resolved);
  /// Handle of a kernel by name; the same name gives the same handle.
  Kernel* kernel(const std::string& name);
  [[nodiscard]] std::uint32_t ptx_architecture() const { return ptx_architecture_; }
  /// What was said of a module that cannot be used.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  cudaError_t parse();
  [[nodiscard]] ptx::Module link_relocatable(std::uint32_t architecture);
  cudaError_t say(cudaError_t error, const std::string& problem);

  std::mutex mutex_;
  const void* image_ = nullptr;
  std::vector<const void*> relocatable_;
  std::string ptx_text_;
  bool is_parsed_ = false;
  cudaError_t parse_error_ = cudaSuccess;
  std::string problem_;
  std::uint32_t ptx_architecture_ = 0;
  std::unique_ptr<fatbin::Contents> contents_;
  std::shared_ptr<const ptx::Module> syntax_;
  std::map<int, std::unique_ptr<exec::Program>> programs_;
  std::map<std::string, std::unique_ptr<Kernel>> kernels_;
};

/// A __device__ or __constant__ variable that the host knows by the address of its shadow.
struct HostVariable {
  Module* module = nullptr;
  std::string name;
  std::uint64_t size_bytes = 0;
};

/// Everything the program has registered. Thread-safe.
class ModuleRegistry {
 public:
  /// `wrapper` is nvcc's __fatBinC_Wrapper_t.
  Module* register_fatbin(const void* wrapper);
  void unregister(Module* module);
  void register_function(Module* module, const void* host_function, const std::string& name);
  void register_variable(const void* host_variable, HostVariable variable);
  void register_managed(Module* module, void** host_pointer, const std::string& name);
  /// Points the host side of managed variables at their memory.
  void init_managed(Module* module, int device);

  [[nodiscard]] Kernel* find_kernel(const void* host_function);
  /// True for handles that find_kernel or Module::kernel gave out.
  [[nodiscard]] bool is_kernel(const Kernel* kernel);
  [[nodiscard]] std::optional<HostVariable> find_variable(const void* host_variable);

  Module* load(std::string ptx_text);
  Module* load(const void* fatbin_image);
  Module* load(std::unique_ptr<Module> module);
  /// A fatbin, its wrapper, PTX text or a linked image, as cuModuleLoadData and cudaLibraryLoadData
  /// take them; read before it returns. `module` is set where the image could be told apart, even
  /// if it is then found wrong.
  cudaError_t load_image(const void* image, int device, Module** module);
  /// The handles of the module and of its kernels are invalid afterwards. No grid may run it.
  void unload(Module* module);
  [[nodiscard]] bool is_module(const Module* module);
  void remember_kernel(const Kernel* kernel);

 private:
  struct Managed {
    Module* module;
    void** host_pointer;
    std::string name;
  };
  std::mutex mutex_;
  std::unordered_map<const Module*, std::unique_ptr<Module>> modules_;
  std::unordered_map<const void*, Kernel*> functions_;
  std::unordered_map<const void*, HostVariable> variables_;
  std::unordered_map<const Kernel*, bool> kernels_;
  std::vector<Managed> managed_;
};

/// Address and size of a variable on a device.
cudaError_t find_symbol(const HostVariable& variable, int device, void** address,
                        std::uint64_t* bytes);

}  // namespace rackproof::emulator::engine
