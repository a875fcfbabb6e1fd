#include "emulator/engine/report.hpp"

#include "emulator/engine/core.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>

namespace rackproof::emulator::engine {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kClassNames[exec::kInstructionClasses] = {
    "integer", "fp32",        "fp64",         "fp16",        "conversion",   "special_function",
    "tensor",  "load_global", "store_global", "load_shared", "store_shared", "load_store_other",
    "atomic",  "async_copy",  "barrier",      "control",     "other"};

Json to_json(const exec::GridCounters& counters) {
  Json warp = Json::object();
  Json thread = Json::object();
  for (std::size_t i = 0; i < exec::kInstructionClasses; ++i) {
    warp[kClassNames[i]] = counters.warp_instructions[i];
    thread[kClassNames[i]] = counters.thread_instructions[i];
  }
  Json json;
  json["warp_instructions"] = std::move(warp);
  json["thread_instructions"] = std::move(thread);
  json["mma_flops_f16"] = counters.mma_flops_f16;
  json["mma_flops_tf32"] = counters.mma_flops_tf32;
  json["mma_flops_fp8"] = counters.mma_flops_fp8;
  json["mma_flops_fp4"] = counters.mma_flops_fp4;
  json["mma_flops_f64"] = counters.mma_flops_f64;
  json["mma_ops_integer"] = counters.mma_ops_integer;
  json["fp32_flops"] = counters.fp32_flops;
  json["global_requests"] = counters.global_requests;
  json["global_sectors"] = counters.global_sectors;
  json["global_sectors_minimum"] = counters.global_sectors_minimum;
  json["global_load_bytes"] = counters.global_load_bytes;
  json["global_store_bytes"] = counters.global_store_bytes;
  json["unique_global_bytes"] = counters.unique_global_bytes;
  json["shared_requests"] = counters.shared_requests;
  json["shared_wavefronts"] = counters.shared_wavefronts;
  json["shared_wavefronts_minimum"] = counters.shared_wavefronts_minimum;
  json["barrier_waits"] = counters.barrier_waits;
  json["async_copy_bytes"] = counters.async_copy_bytes;
  json["bulk_requests"] = counters.bulk_requests;
  json["bulk_load_bytes"] = counters.bulk_load_bytes;
  json["bulk_store_bytes"] = counters.bulk_store_bytes;
  json["bulk_shared_bytes"] = counters.bulk_shared_bytes;
  json["distributed_shared_bytes"] = counters.distributed_shared_bytes;
  json["ctas"] = counters.ctas;
  json["warps"] = counters.warps;
  return json;
}

}  // namespace

Report::Report(const std::string& trace_file, std::string counters_file)
    : counters_file_(std::move(counters_file)) {
  if (!trace_file.empty()) {
    trace_ = std::fopen(trace_file.c_str(), "w");
    if (trace_ == nullptr) {
      std::fprintf(stderr, "rackproof emulator: RACKPROOF_EMULATOR_TRACE=%s cannot be written\n",
                   trace_file.c_str());
    } else {
      std::setvbuf(trace_, nullptr, _IOLBF, 0);
    }
  }
  if (!counters_file_.empty()) {
    std::atexit([] { Core::instance().report().write_counters(); });
  }
}

void Report::call(const char* name, cudaError_t result) {
  if (trace_ != nullptr) {
    const std::scoped_lock lock(mutex_);
    std::fprintf(trace_, "api %s %d\n", name, static_cast<int>(result));
  }
}

void Report::kernel_finished(const FinishedKernel& kernel, const exec::GridCounters& counters) {
  const std::scoped_lock lock(mutex_);
  Totals& sum = kernels_[kernel.name];
  ++sum.launches;
  sum.modelled_ps += kernel.end_ps - kernel.start_ps;
  add(sum.counters, counters);
  if (trace_ != nullptr) {
    std::fprintf(trace_,
                 "kernel %s device %d grid %u,%u,%u block %u,%u,%u dynamic_shared_bytes %u "
                 "start_ps %lld end_ps %lld\n",
                 kernel.name.c_str(), kernel.device, kernel.grid.x, kernel.grid.y, kernel.grid.z,
                 kernel.block.x, kernel.block.y, kernel.block.z, kernel.dynamic_shared_bytes,
                 static_cast<long long>(kernel.start_ps), static_cast<long long>(kernel.end_ps));
  }
}

void Report::operation_finished(const std::string& name, int device, TimePs start, TimePs end) {
  if (trace_ != nullptr) {
    const std::scoped_lock lock(mutex_);
    std::fprintf(trace_, "operation %s device %d start_ps %lld end_ps %lld\n", name.c_str(), device,
                 static_cast<long long>(start), static_cast<long long>(end));
  }
}

Report::Totals Report::totals() {
  const std::scoped_lock lock(mutex_);
  Totals totals;
  for (const auto& [name, sum] : kernels_) {
    totals.launches += sum.launches;
    totals.modelled_ps += sum.modelled_ps;
    add(totals.counters, sum.counters);
  }
  return totals;
}

void Report::write_counters() {
  const std::scoped_lock lock(mutex_);
  Json document;
  document["schema_version"] = "1.0";
  document["rack"] = Core::instance().rack().id;
  document["tray"] = Core::instance().settings().tray;
  document["basis"] = "counted by the emulator; modelled_s is modelled";
  document["kernels"] = Json::array();
  for (const auto& [name, sum] : kernels_) {
    Json kernel;
    kernel["name"] = name;
    kernel["launches"] = sum.launches;
    kernel["modelled_s"] = static_cast<double>(sum.modelled_ps) / kPsPerSecond;
    kernel["counters"] = to_json(sum.counters);
    document["kernels"].push_back(std::move(kernel));
  }
  const std::string temporary = counters_file_ + ".tmp";
  std::ofstream stream(temporary);
  stream << document.dump(2) << '\n';
  stream.close();
  if (!stream || std::rename(temporary.c_str(), counters_file_.c_str()) != 0) {
    std::remove(temporary.c_str());
    std::fprintf(stderr, "rackproof emulator: RACKPROOF_EMULATOR_COUNTERS=%s cannot be written\n",
                 counters_file_.c_str());
  }
}

}  // namespace rackproof::emulator::engine
