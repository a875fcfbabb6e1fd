#include "emulator/ptx/special_registers.hpp"

#include <string>
#include <unordered_set>

namespace rackproof::emulator::ptx {
namespace {

std::unordered_set<std::string> all_names() {
  std::unordered_set<std::string> names = {"laneid",
                                           "warpid",
                                           "nwarpid",
                                           "smid",
                                           "nsmid",
                                           "gridid",
                                           "is_explicit_cluster",
                                           "cluster_ctarank",
                                           "cluster_nctarank",
                                           "lanemask_eq",
                                           "lanemask_le",
                                           "lanemask_lt",
                                           "lanemask_ge",
                                           "lanemask_gt",
                                           "clock",
                                           "clock_hi",
                                           "clock64",
                                           "globaltimer",
                                           "globaltimer_lo",
                                           "globaltimer_hi",
                                           "reserved_smem_offset_begin",
                                           "reserved_smem_offset_end",
                                           "reserved_smem_offset_cap",
                                           "reserved_smem_offset_0",
                                           "reserved_smem_offset_1",
                                           "total_smem_size",
                                           "aggr_smem_size",
                                           "dynamic_smem_size",
                                           "current_graph_exec"};
  for (const char* vector : {"tid", "ntid", "ctaid", "nctaid", "clusterid", "nclusterid",
                             "cluster_ctaid", "cluster_nctaid"}) {
    names.insert(vector);
    for (const char* element : {".x", ".y", ".z", ".w"}) {
      names.insert(std::string(vector) + element);
    }
  }
  for (int i = 0; i < 32; ++i) {
    names.insert("envreg" + std::to_string(i));
  }
  for (int i = 0; i < 8; ++i) {
    names.insert("pm" + std::to_string(i));
    names.insert("pm" + std::to_string(i) + "_64");
  }
  return names;
}

}  // namespace

bool is_special_register(std::string_view name) {
  static const std::unordered_set<std::string> names = all_names();
  return names.contains(std::string(name));
}

}  // namespace rackproof::emulator::ptx
