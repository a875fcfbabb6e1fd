"""Plants faults of ordering and layout in the sm_90a GEMM kernel and expects each to be caught.

usage: sm90_mutants.py <source folder> <build folder> <nvcc> [--document] [<part of a name>]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutants

KERNEL = "kernels/gemm/sm90/sm90_kernel.cuh"
PIPELINE = "kernels/gemm/sm90/sm90_pipeline.cuh"
EPILOGUE = "kernels/gemm/sm90/sm90_epilogue.cuh"
WGMMA = "kernels/ptx/wgmma.cuh"
COPIED = (KERNEL, PIPELINE, EPILOGUE, WGMMA, "kernels/gemm/sm90/sm90_half.cu")
# name, file, text, replacement
MUTANTS = [
    ("original", KERNEL, None, None),
    (
        "full barrier not awaited",
        KERNEL,
        "    ptx::mbarrier_wait(shared.full(place.stage), place.parity);\n    ptx::wgmma_fence();",
        "    ptx::wgmma_fence();",
    ),
    (
        "empty barrier not awaited",
        KERNEL,
        "      ptx::mbarrier_wait(shared.empty(place.stage), place.parity ^ 1U);\n",
        "",
    ),
    ("empty phase flipped", KERNEL, "place.parity ^ 1U);", "place.parity);"),
    (
        "stage released while it is read",
        KERNEL,
        "      release(shared, multiplied);\n    }\n    multiplied = place.stage;",
        "      release(shared, place.stage);\n    }\n    multiplied = place.stage;",
    ),
    (
        "products not awaited before the release",
        KERNEL,
        "      ptx::wgmma_wait<1>();\n",
        "",
    ),
    (
        "last products not awaited",
        KERNEL,
        "  ptx::wgmma_wait<0>();\n#pragma unroll\n",
        "#pragma unroll\n",
    ),
    ("expected bytes too few", KERNEL, "(full, Tile.stage_bytes());", "(full, Tile.a_bytes());"),
    ("arrivals of one CTA only", PIPELINE, "Tile.cluster * kConsumerWarps", "kConsumerWarps"),
    ("barriers not fenced", PIPELINE, "    ptx::fence_mbarrier_init();\n", ""),
    (
        "cluster does not meet before the first copy",
        KERNEL,
        "  ptx::cluster_sync();  // nobody copies to a barrier that does not exist yet\n",
        "  __syncthreads();\n",
    ),
    (
        "cluster ends without meeting",
        KERNEL,
        "  ptx::cluster_sync();  // nobody copies to or arrives at a CTA that has ended\n",
        "",
    ),
    ("B of the other half", KERNEL, "first_column + part, full", "first_column, full"),
    ("stride of groups of rows", WGMMA, "1024 >> 4", "512 >> 4"),
    ("no swizzle in the descriptor", WGMMA, "kSwizzle128 = 1;", "kSwizzle128 = 0;"),
    ("panel swizzled otherwise", EPILOGUE, "pair * 2 + lane_ / 16)", "(pair * 2 + lane_ / 16) ^ 1)"),
    ("panel stored without a proxy fence", EPILOGUE, "      ptx::fence_async_shared();\n", ""),
    (
        "panel overwritten while it is stored",
        EPILOGUE,
        "ptx::tma_store_wait_read<kPanelBuffers - 1>();",
        "",
    ),
    ("CTA ends before its panels are stored", EPILOGUE, "      ptx::tma_store_wait_read<0>();\n", ""),
]
# What the emulator does not see yet.
NOT_FOUND = {
    "barriers not fenced": "barrier.cluster orders the initialisation; the async proxy's view is not kept apart",
    "cluster ends without meeting": "only arrivals on empty barriers come late, and published kernels end so",
    "CTA ends before its panels are stored": "shared memory outlives the CTA until its stores are over",
}
# Two tiles in a cluster, more K-tiles than stages, more panels than buffers.
RUN = ("gemm_wgmma_bf16_128x256x64_cluster2", "256", "256", "448", "1")


if __name__ == "__main__":
    mutants.check(
        mutants.Kernels("90a", COPIED, mutants.rack(sys.argv[1], "dgx-h100"), NOT_FOUND, "GEMM, sm_90a"),
        [
            mutants.Mutant(name, COPIED[-1], RUN, file, text, replacement)
            for name, file, text, replacement in MUTANTS
        ],
    )
