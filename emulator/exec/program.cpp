#include "emulator/exec/program.hpp"

#include "emulator/exec/program_impl.hpp"
#include "emulator/exec/windows.hpp"
#include "emulator/memory/address_space.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace rackproof::emulator::exec {
namespace {

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

std::atomic<std::uint64_t> module_allocation_id{1};

}  // namespace

SharedLayout lay_out_shared(const Program::Impl& program, std::size_t function) {
  SharedLayout layout;
  const CallGraph::Reach reach = program.call_graph.reach(function);
  layout.base = program.architecture >= 90 || reach.reserved_shared ? kReservedSharedBytes : 0;
  layout.first = reach.reserved_shared ? 0 : layout.base;
  std::uint64_t end = layout.base;
  std::uint64_t dynamic_alignment = 16;
  std::vector<std::string> dynamic;
  const auto place = [&](const ptx::Variable& variable, const std::string& key) {
    if (variable.space != ptx::StateSpace::shared) {
      return;
    }
    const bool unsized = variable.size_bytes == 0;
    if (unsized) {
      dynamic_alignment = std::max<std::uint64_t>(dynamic_alignment, variable.alignment);
      dynamic.push_back(key);
      return;
    }
    end = align_up(end, std::max<std::uint32_t>(variable.alignment, 1));
    layout.offset[key] = static_cast<std::uint32_t>(end);
    end += variable.size_bytes;
  };
  for (const std::size_t index : reach.variables) {
    const ptx::Variable& variable = program.module->variables[index];
    place(variable, variable.name);
  }
  for (const std::size_t index : reach.functions) {
    for (const auto& variable : program.module->functions[index].variables) {
      place(variable, std::to_string(index) + ":" + variable.name);
    }
  }
  end = align_up(end, dynamic_alignment);
  for (const auto& key : dynamic) {
    layout.offset[key] = static_cast<std::uint32_t>(end);
  }
  layout.end = static_cast<std::uint32_t>(end);
  return layout;
}

std::shared_ptr<const DecodedKernel> Program::Impl::decoded(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  auto& entry = decoded_[index];
  if (!entry) {
    std::unique_ptr<DecodedKernel> kernel = decode(*this, kernel_function[index]);
    // setmaxnreg has no effect without a maximum that was given (PTX ISA 9.0, section 9.7.19.5).
    const ptx::Directives& given = module->functions[kernel_function[index]].directives;
    if (given.max_registers != 0 || given.max_threads[0] != 0 || given.required_threads[0] != 0) {
      kernel->registers_per_thread = kernels[index].registers_per_thread;
    }
    entry = std::move(kernel);
  }
  return entry;
}

Program::Program(std::shared_ptr<const ptx::Module> module, const fatbin::Contents* resources,
                 std::uint32_t architecture, int device, memory::AddressSpace& addresses)
    : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.module = std::move(module);
  impl.architecture = architecture;
  impl.device = device;
  impl.addresses = &addresses;
  const ptx::Module& source = *impl.module;

  for (std::size_t i = 0; i < source.functions.size(); ++i) {
    const auto& function = source.functions[i];
    if (!function.is_declaration || !impl.function_index.contains(function.name)) {
      impl.function_index[function.name] = i;
    }
  }
  CallGraph::Index variables;
  for (std::size_t i = 0; i < source.variables.size(); ++i) {
    variables.try_emplace(source.variables[i].name, i);
  }
  impl.call_graph = CallGraph(source, impl.function_index, variables);
  // Variables first get their places, then their initial values, which may hold addresses.
  std::vector<const ptx::Variable*> declared;
  for (const auto& variable : source.variables) {
    const bool placed =
        variable.space == ptx::StateSpace::global || variable.space == ptx::StateSpace::constant;
    if (!placed || variable.size_bytes == 0 || impl.variable_index.contains(variable.name)) {
      continue;
    }
    const std::size_t alignment = std::max<std::size_t>(variable.alignment, 64);
    AlignedBuffer buffer(variable.size_bytes + alignment);
    const auto base = align_up(reinterpret_cast<std::uintptr_t>(buffer.data()), alignment);
    impl.variable_index[variable.name] = impl.variables.size();
    impl.variables.push_back({variable.name, static_cast<std::uintptr_t>(base), variable.size_bytes,
                              variable.space == ptx::StateSpace::constant});
    impl.storage.push_back(std::move(buffer));
    declared.push_back(&variable);
    memory::Allocation allocation;
    allocation.base = static_cast<std::uintptr_t>(base);
    allocation.size_bytes = variable.size_bytes;
    allocation.kind = memory::Kind::module_global;
    allocation.device = device;
    allocation.id = module_allocation_id++;
    addresses.insert(allocation);
  }
  for (std::size_t i = 0; i < declared.size(); ++i) {
    auto* const bytes = reinterpret_cast<std::byte*>(impl.variables[i].address);
    const ptx::Variable& variable = *declared[i];
    const auto initialised = std::min<std::size_t>(variable.initial.size(), variable.size_bytes);
    std::transform(variable.initial.begin(),
                   variable.initial.begin() + static_cast<std::ptrdiff_t>(initialised), bytes,
                   [](std::uint8_t value) { return std::byte{value}; });
    for (const auto& relocation : variable.relocations) {
      std::uint64_t value = 0;
      if (const auto found = impl.variable_index.find(relocation.symbol);
          found != impl.variable_index.end()) {
        value = impl.variables[found->second].address;
      } else if (const auto function = impl.function_index.find(relocation.symbol);
                 function != impl.function_index.end()) {
        value = kCodeWindow + 16 * function->second;
      }
      value += static_cast<std::uint64_t>(relocation.addend);
      std::memcpy(bytes + relocation.offset, &value,
                  std::min<std::size_t>(relocation.size_bytes, 8));
    }
  }
  for (std::size_t i = 0; i < source.functions.size(); ++i) {
    const ptx::Function& function = source.functions[i];
    if (!function.is_kernel || function.is_declaration) {
      continue;
    }
    KernelInfo info;
    info.name = function.name;
    std::uint64_t offset = 0;
    for (const auto& parameter : function.parameters) {
      offset = align_up(offset, std::max<std::uint32_t>(parameter.alignment, 1));
      info.parameter_offsets.push_back(static_cast<std::uint32_t>(offset));
      info.parameter_sizes.push_back(static_cast<std::uint32_t>(parameter.size_bytes));
      offset += parameter.size_bytes;
    }
    info.parameter_bytes = static_cast<std::uint32_t>(offset);
    const SharedLayout layout = lay_out_shared(impl, i);
    info.static_shared_bytes = layout.end - layout.base;
    for (const auto& variable : function.variables) {
      if (variable.space == ptx::StateSpace::local) {
        info.local_bytes_per_thread += static_cast<std::uint32_t>(variable.size_bytes);
      }
    }
    const auto threads = [](const std::array<std::uint32_t, 3>& size) {
      return std::max(size[0], 1U) * std::max(size[1], 1U) * std::max(size[2], 1U);
    };
    const auto& directives = function.directives;
    if (directives.required_threads[0] != 0) {
      info.max_threads_per_block = threads(directives.required_threads);
    } else if (directives.max_threads[0] != 0) {
      info.max_threads_per_block = threads(directives.max_threads);
    }
    info.required_cluster = directives.required_cluster;
    if (info.required_cluster[0] != 0) {
      for (std::uint32_t& extent : info.required_cluster) {
        extent = std::max(extent, 1U);
      }
    }
    info.max_cluster_size = directives.max_cluster_rank;
    info.needs_explicit_cluster = directives.explicit_cluster;
    info.blocks_are_clusters = directives.blocks_are_clusters;
    const auto measured = resources == nullptr
                              ? std::nullopt
                              : fatbin::find_resources(*resources, function.name, architecture);
    if (measured) {
      info.registers_per_thread = measured->registers_per_thread;
      info.local_bytes_per_thread = measured->local_bytes_per_thread;
    } else if (directives.max_registers != 0) {
      info.registers_per_thread = directives.max_registers;
    } else {
      // What the launch bounds leave to a thread of the 65536 registers of an SM, a quarter of
      // which serves every fourth warp.
      const std::uint32_t blocks = std::max(directives.min_blocks_per_sm, 1U);
      const std::uint32_t warps = (info.max_threads_per_block + 127) / 128 * 4;
      info.registers_per_thread = std::min(255U, 65536U / (blocks * warps * kWarpSize) / 8 * 8);
    }
    impl.kernel_index[info.name] = impl.kernels.size();
    impl.kernels.push_back(std::move(info));
    impl.kernel_function.push_back(i);
  }
}

Program::~Program() {
  for (const auto& variable : impl_->variables) {
    impl_->addresses->retire(variable.address);
  }
}

std::optional<std::size_t> Program::find_kernel(std::string_view name) const {
  const auto found = impl_->kernel_index.find(name);
  return found == impl_->kernel_index.end() ? std::nullopt : std::optional(found->second);
}
const KernelInfo& Program::kernel(std::size_t index) const {
  return impl_->kernels.at(index);
}
std::size_t Program::kernel_count() const {
  return impl_->kernels.size();
}
const GlobalVariable* Program::find_variable(std::string_view name) const {
  const auto found = impl_->variable_index.find(name);
  return found == impl_->variable_index.end() ? nullptr : &impl_->variables[found->second];
}

}  // namespace rackproof::emulator::exec
