#include "harness/record/environment.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

namespace rackproof::harness::record {
namespace {

constexpr std::array<std::string_view, 3> kPrefixes{"NCCL_", "SHARP_COLL_", "CUDA_MPS_"};

constexpr std::array<std::string_view, 24> kNames{"RACKPROOF_VARIANT",
                                                  "CUDA_VISIBLE_DEVICES",
                                                  "CUDA_DEVICE_ORDER",
                                                  "CUDA_DEVICE_MAX_CONNECTIONS",
                                                  "CUDA_LAUNCH_BLOCKING",
                                                  "CUDA_MODULE_LOADING",
                                                  "CUDA_CACHE_DISABLE",
                                                  "CUDA_DISABLE_PTX_JIT",
                                                  "CUDA_FORCE_PTX_JIT",
                                                  "CUDA_AUTO_BOOST",
                                                  "CUBLASLT_WORKSPACE_SIZE",
                                                  "CUBLAS_WORKSPACE_CONFIG",
                                                  "NVIDIA_VISIBLE_DEVICES",
                                                  "NVIDIA_IMEX_CHANNELS",
                                                  "NVIDIA_TF32_OVERRIDE",
                                                  "OMPI_COMM_WORLD_SIZE",
                                                  "OMPI_COMM_WORLD_LOCAL_SIZE",
                                                  "UCX_TLS",
                                                  "UCX_NET_DEVICES",
                                                  "OMP_NUM_THREADS",
                                                  "SLURM_JOB_NUM_NODES",
                                                  "SLURM_NTASKS",
                                                  "SLURM_NTASKS_PER_NODE",
                                                  "SLURM_CPU_BIND"};

constexpr std::array<std::string_view, 8> kSecrets{"TOKEN",      "SECRET", "PASSW",  "KEY",
                                                   "CREDENTIAL", "AUTH",   "COOKIE", "SESSION"};

}  // namespace

bool is_recorded(std::string_view name) {
  const bool looks_secret = std::ranges::any_of(
      kSecrets, [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
  const bool listed = std::ranges::find(kNames, name) != kNames.end() ||
                      std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
                        return name.starts_with(prefix);
                      });
  return listed && !looks_secret;
}

std::map<std::string, std::string> recorded_environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && is_recorded(text.substr(0, equals))) {
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return result;
}

}  // namespace rackproof::harness::record
