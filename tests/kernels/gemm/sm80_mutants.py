"""Plants faults of ordering and layout in the mma.sync GEMM kernel and expects each to be caught.

usage: sm80_mutants.py <source folder> <build folder> <nvcc> [--document] [<part of a name>]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutants

UNIT = "kernels/gemm/gemm_sm80.cu"
KERNEL = "kernels/gemm/gemm_tensor.cuh"
TILE = "kernels/gemm/gemm_tile.cuh"
EPILOGUE = "kernels/gemm/gemm_epilogue.cuh"
SPLIT = "kernels/gemm/gemm_split_k.cuh"
ATOMIC = "kernels/ptx/atomic.cuh"
COPIED = (UNIT, KERNEL, TILE, EPILOGUE, SPLIT, ATOMIC)
# More K-tiles than stages, rows and columns that do not fill the last tiles. (kernel, m, n, k, slices)
WHOLE = ("gemm_tensor_bf16_64x128x64", "100", "200", "456", "1")
SLICED = ("gemm_tensor_bf16_16x128x64", "16", "256", "2048", "4")
WAIT = "        ptx::cp_async_wait<kStages - 2>();\n        __syncthreads();\n"
FIRST = "  ptx::cp_async_wait<kStages - 2>();\n  __syncthreads();\n  fragments"
# name, what runs, file, text, replacement
MUTANTS = [
    ("original", WHOLE, KERNEL, None, None),
    ("original, in slices", SLICED, KERNEL, None, None),
    ("copies not awaited", WHOLE, KERNEL, WAIT, "        __syncthreads();\n"),
    ("one group too many left in flight", WHOLE, KERNEL, WAIT, WAIT.replace("- 2", "- 1")),
    ("no barrier after the wait", WHOLE, KERNEL, WAIT, WAIT.replace("        __syncthreads();\n", "")),
    ("first stage not awaited", WHOLE, KERNEL, FIRST, "  __syncthreads();\n  fragments"),
    ("stage refilled while it is read", WHOLE, KERNEL, "(k_tile + kStages - 1);", "(k_tile + kStages);"),
    ("fragments of the stage before", WHOLE, KERNEL, "(k_tile + 1) % kStages * kTile", "k_tile % kStages * kTile"),
    ("B's matrices exchanged", WHOLE, KERNEL, "(warp_column + lane % 8 + lane / 16 * 8, lane / 8 % 2)", "(warp_column + lane % 16, lane / 16)"),
    ("fragments of the step before", WHOLE, KERNEL, "(step + 1) % kKSteps);", "step);"),
    ("swizzle of the copy left out", WHOLE, TILE, "offset_(Offset(thread / kChunks, thread % kChunks))", "offset_(thread / kChunks * RowBytes + thread % kChunks * kVectorBytes)"),
    ("rows beyond the matrix read", WHOLE, TILE, "row_exists ? valid : 0U", "valid"),
    ("columns of K beyond the matrix read", WHOLE, TILE, "left < 0 ? 0 : (left < kVectorBytes ? static_cast<int>(left) : kVectorBytes)", "kVectorBytes"),
    ("copies of a stage one row apart", WHOLE, TILE, "pass_stride_bytes_(row_stride_bytes * kRowsPerPass)", "pass_stride_bytes_(row_stride_bytes * (kRowsPerPass - 1))"),
    ("staging read before the warp has written it", WHOLE, EPILOGUE, "    __syncwarp();\n#pragma unroll\n    for (int pass", "#pragma unroll\n    for (int pass"),
    ("staging overwritten while it is read", WHOLE, EPILOGUE, "    __syncwarp();\n#pragma unroll\n    for (int group", "#pragma unroll\n    for (int group"),
    ("staging swizzled otherwise", WHOLE, EPILOGUE, "lane % 4 / 2;", "lane % 4 / 2 ^ 1;"),
    ("rows beyond the matrix stored", WHOLE, EPILOGUE, "  if (row >= arguments.m) {\n    return;\n  }\n", ""),
    ("slice counted in before it is stored", SLICED, SPLIT, "  __syncthreads();\n  if (thread == 0) {\n    *flag", "  if (thread == 0) {\n    *flag"),
    ("slice counted in without release", SLICED, ATOMIC, "atom.add.acq_rel.gpu", "atom.add.relaxed.gpu"),
    ("slice counted in for the CTA only", SLICED, ATOMIC, "atom.add.acq_rel.gpu", "atom.add.acq_rel.cta"),
    ("number of the slice read without a barrier", SLICED, SPLIT, "  }\n  __syncthreads();\n  if (*flag", "  }\n  if (*flag"),
    ("one slice fewer waited for", SLICED, SPLIT, "arguments.slices - 1)", "arguments.slices - 2)"),
    ("epilogue over the number of the slice", SLICED, SPLIT, "  // The epilogue may reuse the memory of `flag`.\n  __syncthreads();\n", ""),
]
NOT_FOUND = {}


if __name__ == "__main__":
    mutants.check(
        mutants.Kernels("80", COPIED, mutants.rack(sys.argv[1], "hgx-a100-80"), NOT_FOUND, "GEMM, mma.sync"),
        [mutants.Mutant(name, UNIT, run, file, text, replacement) for name, run, file, text, replacement in MUTANTS],
    )
