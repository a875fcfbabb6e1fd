#include "harness/cli/software.hpp"

#include "collectives/bootstrap.hpp"
#include "collectives/communicator.hpp"
#include "harness/gbench/run_benchmarks.hpp"
#include "harness/record/environment.hpp"
#include "kernels/operation.hpp"
#include "rackproof_build_info.hpp"

#include <cuda_runtime_api.h>

#include <fstream>
#include <sys/utsname.h>

namespace rackproof::harness::cli {
namespace {

using Text = record::Reported<std::string>;

/// CUDA's 13000 is version 13.0.
Text cuda_version(cudaError_t (*query)(int*), const char* name) {
  int version = 0;
  const cudaError_t result = query(&version);
  if (result != cudaSuccess) {
    return Text::missing(std::string(name) + ": " + cudaGetErrorString(result));
  }
  if (version == 0) {
    return Text::missing(std::string(name) + ": no driver");
  }
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// PRETTY_NAME of os-release(5).
Text operating_system() {
  constexpr const char* kFile = "/etc/os-release";
  constexpr std::string_view kKey = "PRETTY_NAME=";
  std::ifstream stream(kFile);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(kKey)) {
      std::string value = line.substr(kKey.size());
      std::erase(value, '"');
      return value;
    }
  }
  return Text::missing(std::string(kFile) + " has no PRETTY_NAME");
}

/// The library behind the first baseline that there is.
Text cublaslt_version() {
  for (const kernels::Operation* operation : kernels::operations()) {
    if (const std::string name = operation->baseline_name(); !name.empty()) {
      return name;
    }
  }
  return Text::missing("no baseline library could be loaded");
}

Text nccl_version() {
  const collectives::NcclLibrary library = collectives::nccl_library();
  return library.version + " (" + library.file_name + ")";
}

}  // namespace

record::Software describe_software(const topology::Topology& topology) {
  record::Software software;
  software.driver = topology.driver_version.empty()
                        ? Text::missing("NVML is not available or does not say")
                        : Text(topology.driver_version);
  software.cuda_driver = cuda_version(cudaDriverGetVersion, "cudaDriverGetVersion");
  software.cuda_runtime = cuda_version(cudaRuntimeGetVersion, "cudaRuntimeGetVersion");
  software.nccl = nccl_version();
  software.cublaslt = cublaslt_version();
  software.mpi = collectives::mpi_library_version();
  software.google_benchmark = gbench::library_version();
  software.operating_system = operating_system();
  utsname system{};
  if (uname(&system) == 0) {
    software.kernel = std::string(system.sysname) + " " + system.release;
    software.architecture = system.machine;
  } else {
    software.kernel = Text::missing("uname failed");
    software.architecture = "unknown";
  }
  software.environment = record::recorded_environment();
  return software;
}

record::Build describe_build() {
  record::Build build;
  build.version = build_info::kVersion;
  if (build_info::kGitCommit == "unknown") {
    build.git_commit = Text::missing("built outside a git checkout");
    build.git_dirty = record::Reported<bool>::missing("built outside a git checkout");
  } else {
    build.git_commit = std::string(build_info::kGitCommit);
    build.git_dirty = build_info::kGitDirty;
  }
  build.build_type = build_info::kBuildType;
  build.host_compiler = build_info::kHostCompiler;
  build.cuda_compiler = build_info::kCudaCompiler;
  return build;
}

}  // namespace rackproof::harness::cli
