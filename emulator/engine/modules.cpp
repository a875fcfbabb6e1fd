#include "emulator/engine/modules.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/link_session.hpp"
#include "emulator/ptx/linker.hpp"
#include "emulator/ptx/parser.hpp"

#include <fatbinary_section.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace rackproof::emulator::engine {

const exec::KernelInfo& ResolvedKernel::info() const {
  return program->kernel(index);
}

cudaError_t Module::say(cudaError_t error, const std::string& problem) {
  std::fprintf(stderr, "rackproof emulator: %s\n", problem.c_str());
  problem_ = problem;
  return error;
}

namespace {

/// No PTX that this device may run.
class NoImage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

const fatbin::PtxEntry& select_or_throw(const fatbin::Contents& contents,
                                        std::uint32_t architecture) {
  if (const fatbin::PtxEntry* entry = fatbin::select_ptx(contents, architecture)) {
    return *entry;
  }
  std::string targets;
  for (const fatbin::PtxEntry& other : contents.ptx) {
    targets += " sm_" + std::to_string(other.target.architecture) +
               (other.target.suffix != 0 ? std::string(1, other.target.suffix) : "");
  }
  throw NoImage("no PTX for sm_" + std::to_string(architecture) + " in this module (it has" +
                (targets.empty() ? " none" : targets) +
                "); build with -gencode arch=compute_XX,code=compute_XX");
}

}  // namespace

ptx::Module Module::link_relocatable(std::uint32_t architecture) {
  std::vector<ptx::LinkInput> inputs;
  fatbin::Contents without_ptx;
  for (std::size_t i = 0; i < relocatable_.size(); ++i) {
    const fatbin::Contents contents = fatbin::read(relocatable_[i]);
    const fatbin::PtxEntry* entry = fatbin::select_ptx(contents, architecture);
    if (entry == nullptr) {
      // NVIDIA's device runtime is machine code only; who calls it is refused by name later.
      without_ptx.ptx.insert(without_ptx.ptx.end(), contents.ptx.begin(), contents.ptx.end());
      continue;
    }
    std::string name =
        "object " + std::to_string(i + 1) + " of " + std::to_string(relocatable_.size());
    ptx::Module module = ptx::parse(entry->text, name);
    if (module.files.size() > 1) {  // -lineinfo tells the source
      name += " (" + module.files[1].substr(module.files[1].rfind('/') + 1) + ")";
    }
    ptx_architecture_ = std::max(ptx_architecture_, entry->target.architecture);
    inputs.push_back({std::move(name), std::move(module)});
  }
  if (inputs.empty()) {
    (void)select_or_throw(without_ptx, architecture);
  }
  return std::move(ptx::link(std::move(inputs)).module);
}

cudaError_t Module::parse() {
  if (is_parsed_) {
    return parse_error_;
  }
  is_parsed_ = true;
  const std::uint32_t architecture = Core::instance().rack().gpu.architecture();
  try {
    if (image_ != nullptr) {
      contents_ = std::make_unique<fatbin::Contents>(fatbin::read(image_));
    }
    if (!relocatable_.empty()) {
      syntax_ = std::make_shared<const ptx::Module>(link_relocatable(architecture));
    } else if (image_ != nullptr) {
      const fatbin::PtxEntry& entry = select_or_throw(*contents_, architecture);
      ptx_architecture_ = entry.target.architecture;
      syntax_ = std::make_shared<const ptx::Module>(
          ptx::parse(entry.text, "sm_" + std::to_string(ptx_architecture_) + ".ptx"));
    } else if (syntax_ == nullptr) {
      syntax_ =
          std::make_shared<const ptx::Module>(ptx::parse(ptx_text_, "module loaded from PTX"));
      ptx_text_.clear();
    }
    if (contents_ != nullptr) {
      contents_->ptx.clear();
    }
    if (ptx_architecture_ == 0 && syntax_->target.size() > 3) {
      ptx_architecture_ =
          static_cast<std::uint32_t>(std::strtoul(syntax_->target.c_str() + 3, nullptr, 10));
    }
  } catch (const NoImage& error) {
    parse_error_ = say(cudaErrorNoKernelImageForDevice, error.what());
  } catch (const fatbin::FatbinError& error) {
    parse_error_ = say(cudaErrorInvalidKernelImage, error.what());
  } catch (const ptx::LinkError& error) {
    parse_error_ = say(cudaErrorInvalidPtx, error.what());
  } catch (const ptx::ParseError& error) {
    parse_error_ = say(cudaErrorInvalidPtx, error.what());
  }
  return parse_error_;
}

cudaError_t Module::program(int device, const exec::Program** program) {
  const std::scoped_lock lock(mutex_);
  if (const cudaError_t error = parse(); error != cudaSuccess) {
    return error;
  }
  std::unique_ptr<exec::Program>& slot = programs_[device];
  if (slot == nullptr) {
    try {
      Core& core = Core::instance();
      slot = std::make_unique<exec::Program>(
          syntax_, contents_.get(), core.rack().gpu.architecture(), device, core.addresses());
    } catch (const std::exception& error) {
      return parse_error_ = say(cudaErrorInvalidPtx, error.what());
    }
  }
  *program = slot.get();
  return cudaSuccess;
}

cudaError_t Module::resolve(const Kernel& kernel, int device, ResolvedKernel& resolved) {
  if (const cudaError_t error = program(device, &resolved.program); error != cudaSuccess) {
    return error;
  }
  const auto index = resolved.program->find_kernel(kernel.name);
  if (!index) {
    return cudaErrorInvalidDeviceFunction;
  }
  resolved.index = *index;
  resolved.ptx_architecture = ptx_architecture_;
  return cudaSuccess;
}

Kernel* Module::kernel(const std::string& name) {
  Kernel* kernel = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    std::unique_ptr<Kernel>& slot = kernels_[name];
    if (slot == nullptr) {
      slot = std::make_unique<Kernel>();
      slot->module = this;
      slot->name = name;
    }
    kernel = slot.get();
  }
  Core::instance().modules().remember_kernel(kernel);
  return kernel;
}

Module* ModuleRegistry::register_fatbin(const void* wrapper) {
  __fatBinC_Wrapper_t header{};
  std::memcpy(&header, wrapper, sizeof header);
  if (header.magic != FATBINC_MAGIC) {
    std::fprintf(stderr, "rackproof emulator: a registered module has no fatbin wrapper\n");
  }
  if (header.version != FATBINC_LINK_VERSION) {
    return load(static_cast<const void*>(header.data));
  }
  // nvcc -rdc=true: beside the linked cubin, the relocatable fatbins it was linked from.
  std::vector<const void*> relocatable;
  for (void* const* next = static_cast<void* const*>(header.filename_or_fatbins);
       next != nullptr && *next != nullptr; ++next) {
    relocatable.push_back(*next);
  }
  return load(std::make_unique<Module>(header.data, std::move(relocatable)));
}

Module* ModuleRegistry::load(std::unique_ptr<Module> module) {
  Module* handle = module.get();
  const std::scoped_lock lock(mutex_);
  modules_.emplace(handle, std::move(module));
  return handle;
}

Module* ModuleRegistry::load(const void* fatbin_image) {
  return load(std::make_unique<Module>(fatbin_image));
}

Module* ModuleRegistry::load(std::string ptx_text) {
  return load(std::make_unique<Module>(std::move(ptx_text)));
}

cudaError_t ModuleRegistry::load_image(const void* image, int device, Module** module) {
  constexpr std::uint32_t kFatbinMagic = 0xBA55ED50;
  constexpr std::uint32_t kElfMagic = 0x464c457f;
  std::uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof magic);
  if (magic == FATBINC_MAGIC) {
    __fatBinC_Wrapper_t wrapper{};
    std::memcpy(&wrapper, image, sizeof wrapper);
    image = wrapper.data;
    magic = kFatbinMagic;
  }
  if (magic == kElfMagic) {
    std::fprintf(stderr, "rackproof emulator: a cubin cannot be emulated; load PTX or a fatbin\n");
    return cudaErrorNoKernelImageForDevice;
  }
  if (magic == LinkedImage::kMagic) {
    LinkedImage token;
    std::memcpy(&token, image, sizeof token);
    auto linked = find_linked(token);
    if (linked == nullptr) {
      return cudaErrorInvalidKernelImage;
    }
    *module = load(std::make_unique<Module>(std::move(linked)));
  } else {
    *module =
        magic == kFatbinMagic ? load(image) : load(std::string(static_cast<const char*>(image)));
  }
  // The caller may free the image: read it now.
  const exec::Program* program = nullptr;
  return (*module)->program(device, &program);
}

void ModuleRegistry::unload(Module* module) {
  unregister(module);
  std::unique_ptr<Module> last;  // destroyed without the lock
  const std::scoped_lock lock(mutex_);
  std::erase_if(kernels_, [&](const auto& item) { return item.first->module == module; });
  if (const auto found = modules_.find(module); found != modules_.end()) {
    last = std::move(found->second);
    modules_.erase(found);
  }
}

void ModuleRegistry::unregister(Module* module) {
  // Programs stay: a grid may still run them, and exit handlers come in any order.
  const std::scoped_lock lock(mutex_);
  std::erase_if(functions_, [&](const auto& item) { return item.second->module == module; });
  std::erase_if(variables_, [&](const auto& item) { return item.second.module == module; });
}

void ModuleRegistry::register_function(Module* module, const void* host_function,
                                       const std::string& name) {
  Kernel* kernel = module->kernel(name);
  const std::scoped_lock lock(mutex_);
  functions_[host_function] = kernel;
}

void ModuleRegistry::register_variable(const void* host_variable, HostVariable variable) {
  const std::scoped_lock lock(mutex_);
  variables_[host_variable] = std::move(variable);
}

void ModuleRegistry::register_managed(Module* module, void** host_pointer,
                                      const std::string& name) {
  const std::scoped_lock lock(mutex_);
  managed_.push_back({module, host_pointer, name});
}

void ModuleRegistry::init_managed(Module* module, int device) {
  std::vector<Managed> mine;
  {
    const std::scoped_lock lock(mutex_);
    for (const Managed& variable : managed_) {
      if (variable.module == module) {
        mine.push_back(variable);
      }
    }
  }
  for (const Managed& variable : mine) {
    void* address = nullptr;
    if (find_symbol({module, variable.name, 0}, device, &address, nullptr) == cudaSuccess) {
      *variable.host_pointer = address;
    }
  }
}

Kernel* ModuleRegistry::find_kernel(const void* host_function) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = functions_.find(host_function); found != functions_.end()) {
    return found->second;
  }
  // cudaKernel_t and cudaFunction_t may stand where a host function is asked for.
  const auto* handle = static_cast<const Kernel*>(host_function);
  return kernels_.contains(handle) ? const_cast<Kernel*>(handle) : nullptr;
}

bool ModuleRegistry::is_kernel(const Kernel* kernel) {
  const std::scoped_lock lock(mutex_);
  return kernels_.contains(kernel);
}

void ModuleRegistry::remember_kernel(const Kernel* kernel) {
  const std::scoped_lock lock(mutex_);
  kernels_[kernel] = true;
}

bool ModuleRegistry::is_module(const Module* module) {
  const std::scoped_lock lock(mutex_);
  return modules_.contains(module);
}

std::optional<HostVariable> ModuleRegistry::find_variable(const void* host_variable) {
  const std::scoped_lock lock(mutex_);
  const auto found = variables_.find(host_variable);
  return found == variables_.end() ? std::nullopt : std::optional(found->second);
}

cudaError_t find_symbol(const HostVariable& variable, int device, void** address,
                        std::uint64_t* bytes) {
  const exec::Program* program = nullptr;
  if (const cudaError_t error = variable.module->program(device, &program); error != cudaSuccess) {
    return error;
  }
  const exec::GlobalVariable* global = program->find_variable(variable.name);
  if (global == nullptr) {
    return cudaErrorInvalidSymbol;
  }
  if (address != nullptr) {
    *address = reinterpret_cast<void*>(global->address);
  }
  if (bytes != nullptr) {
    *bytes = global->size_bytes;
  }
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine
