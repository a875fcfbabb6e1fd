/// launch_gemm <kernel name> <m> <n> <k> <slices of k>: runs one GEMM kernel once, for tests that
/// count its work or change it. Slices below 0: so many CTAs share the K-tiles of all tiles.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "kernels/gemm/sm90/sm90_kernels.hpp"
#include "runtime/stream.hpp"

#include <cstdlib>
#include <iostream>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

int launch(std::string_view name, const GemmShape& shape, int slices) {
  for (const ElementType type :
       {ElementType::bf16, ElementType::fp16, ElementType::fp32, ElementType::tf32,
        ElementType::fp64, ElementType::int8, ElementType::fp8_e4m3, ElementType::fp8_e5m2,
        ElementType::mxfp8, ElementType::mxfp4, ElementType::nvfp4}) {
    std::vector<GemmKernel> kernels = all_kernels(type);
    for (const auto& set : {sm90::kernels(type), sm90::fast_fp8_kernels(type), sm100::kernels(type),
                            sm100::swapped_kernels(type), sm100::multicast_kernels(type),
                            sm100::wide_kernels(type), sm100::wide_multicast_kernels(type)}) {
      kernels.insert(kernels.end(), set.begin(), set.end());
    }
    for (const GemmKernel& kernel : kernels) {
      if (kernel.name == name) {
        const runtime::Stream stream;
        const auto workload = make_gemm_workload(
            GemmProblem(type, shape), {}, kernel,
            slices < 0 ? stream_k(kernel, shape, -slices) : split_k(kernel, shape, slices));
        workload->launch(stream.get());
        return workload->verify(stream.get()).passed ? EXIT_SUCCESS : EXIT_FAILURE;
      }
    }
  }
  std::cerr << "no kernel '" << name << "'\n";
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace rackproof::kernels::gemm

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: launch_gemm <kernel name> <m> <n> <k> <slices of k>\n";
    return EXIT_FAILURE;
  }
  const auto extent = [&](int i) { return std::strtoll(argv[i], nullptr, 10); };
  return rackproof::kernels::gemm::launch(argv[1], {.m = extent(2), .n = extent(3), .k = extent(4)},
                                          static_cast<int>(extent(5)));
}
