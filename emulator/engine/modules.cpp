#include "emulator/engine/modules.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/ptx/parser.hpp"

#include <fatbinary_section.h>

#include <cstdio>
#include <cstring>

namespace rackproof::emulator::engine {

const exec::KernelInfo& ResolvedKernel::info() const {
  return program->kernel(index);
}

cudaError_t Module::say(cudaError_t error, const std::string& problem) {
  std::fprintf(stderr, "rackproof emulator: %s\n", problem.c_str());
  return error;
}

cudaError_t Module::parse() {
  if (is_parsed_) {
    return parse_error_;
  }
  is_parsed_ = true;
  const std::uint32_t architecture = Core::instance().rack().gpu.architecture();
  try {
    std::string name = "module loaded from PTX";
    if (image_ != nullptr) {
      contents_ = std::make_unique<fatbin::Contents>(fatbin::read(image_));
      const fatbin::PtxEntry* entry = fatbin::select_ptx(*contents_, architecture);
      if (entry == nullptr) {
        std::string targets;
        for (const fatbin::PtxEntry& other : contents_->ptx) {
          targets += " sm_" + std::to_string(other.target.architecture) +
                     (other.target.suffix != 0 ? std::string(1, other.target.suffix) : "");
        }
        return parse_error_ =
                   say(cudaErrorNoKernelImageForDevice,
                       "no PTX for sm_" + std::to_string(architecture) + " in this module (it has" +
                           (targets.empty() ? " none" : targets) +
                           "); build with -gencode arch=compute_XX,code=compute_XX");
      }
      ptx_text_ = entry->text;
      ptx_architecture_ = entry->target.architecture;
      name = "sm_" + std::to_string(ptx_architecture_) + ".ptx";
    }
    syntax_ = std::make_shared<const ptx::Module>(ptx::parse(ptx_text_, name));
    ptx_text_.clear();
    if (contents_ != nullptr) {
      contents_->ptx.clear();
    }
    if (ptx_architecture_ == 0 && syntax_->target.size() > 3) {
      ptx_architecture_ =
          static_cast<std::uint32_t>(std::strtoul(syntax_->target.c_str() + 3, nullptr, 10));
    }
  } catch (const fatbin::FatbinError& error) {
    parse_error_ = say(cudaErrorInvalidKernelImage, error.what());
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
  if (header.version == FATBINC_LINK_VERSION) {
    std::fprintf(stderr,
                 "rackproof emulator: relocatable device code (-rdc=true) is not supported; "
                 "compile whole programs\n");
  }
  return load(static_cast<const void*>(header.data));
}

Module* ModuleRegistry::load(const void* fatbin_image) {
  auto module = std::make_unique<Module>(fatbin_image);
  Module* handle = module.get();
  const std::scoped_lock lock(mutex_);
  modules_.emplace(handle, std::move(module));
  return handle;
}

Module* ModuleRegistry::load(std::string ptx_text) {
  auto module = std::make_unique<Module>(std::move(ptx_text));
  Module* handle = module.get();
  const std::scoped_lock lock(mutex_);
  modules_.emplace(handle, std::move(module));
  return handle;
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
