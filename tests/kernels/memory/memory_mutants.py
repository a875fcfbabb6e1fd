"""Plants faults in the memory kernels and the quantisers and expects each to be caught.

usage: memory_mutants.py <source folder> <build folder> <nvcc> [--document] [<part of a name>]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutants

STREAM = "kernels/memory/memory_sm80.cu"
MEMORY = [
    ("original", None, None),
    ("sums of warps read before they are there", "  __syncthreads();\n  if (threadIdx.x == 0) {\n    std::uint32_t total", "  if (threadIdx.x == 0) {\n    std::uint32_t total"),
    ("half of a warp left out of its sum", "distance = kWarpSize / 2;", "distance = kWarpSize / 4;"),
    ("loads beyond the end", "      if (first + slot * step < vectors) {\n        load(", "      if (first < vectors) {\n        load("),
    ("vectors of a round overlap", "first += Slots * step", "first += Slots * step - 1"),
    ("a vector of each round left out", "for (int slot = 0; slot < Slots; ++slot) {\n      if (first + slot * step < vectors) {\n        use(", "for (int slot = 1; slot < Slots; ++slot) {\n      if (first + slot * step < vectors) {\n        use("),
    ("multiplication and addition rounded apart", "return __fmaf_rn(s, c, b);", "return __fadd_rn(__fmul_rn(s, c), b);"),
    ("same piece in every round", "block = block + 1 == gridDim.x ? 0 : block + 1;", "block += 0;"),
]
QUANTIZER = "kernels/quantize/quantize_sm100.cu"
QUANTIZE = [
    ("original", None, None),
    ("scales stored before all are there", "  __syncthreads();\n  if (thread < kScaleBlockBytes", "  if (thread < kScaleBlockBytes"),
    ("scales in rows, not in the units' order", "codes[scale_offset(row_of_block, thread % kScales, 1)]", "codes[row_of_block * kScales + thread % kScales]"),
    ("scale one exponent too small", "PowerOfTwoScale<8>", "PowerOfTwoScale<9>"),
    ("largest of positive elements only", "fmaxf(largest, fabsf(value))", "fmaxf(largest, value)"),
    ("halves of a byte exchanged", "ptx::e2m1x2_from_floats(x[2 * i], x[2 * i + 1])", "ptx::e2m1x2_from_floats(x[2 * i + 1], x[2 * i])"),
    ("rows beyond the matrix read", "if (row < arguments.rows && column < arguments.columns)", "if (column < arguments.columns)"),
    ("blocks of scales column by column", "static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x", "static_cast<std::int64_t>(blockIdx.x) * gridDim.y + blockIdx.y"),
    ("divided by a scale that is too coarse", "code < 8 ? static_cast<float>(code) * 0x1p-9F", "code < 8 ? static_cast<float>(code) * 0x1p-8F"),
]
# title, architecture, rack, what is compiled, program, cases, mutants, mutants that nothing sees
KERNELS = [
    (
        "Memory",
        "80",
        "hgx-a100-80",
        STREAM,
        "tests/kernels/memory/memory_kernel_test",
        "*Sizes*:MemoryStreams.*:MemoryTypes.*",
        MEMORY,
        {},
    ),
    (
        "Quantisers, sm_100f",
        "100f",
        "gb300-nvl72",
        QUANTIZER,
        "tests/kernels/gemm/gemm_sm100_test",
        "*Quantize*",
        QUANTIZE,
        {},
    ),
]


def main():
    mutants.check(
        *(
            (
                mutants.Kernels(
                    architecture,
                    (unit,),
                    mutants.rack(sys.argv[1], rack, multiprocessors=4),
                    not_found,
                    title,
                    program,
                    mutants.GOOGLETEST,
                ),
                [
                    mutants.Mutant(name, unit, (f"--gtest_filter={cases}",), unit, text, replacement)
                    for name, text, replacement in changes
                ],
            )
            for title, architecture, rack, unit, program, cases, changes, not_found in KERNELS
        )
    )


if __name__ == "__main__":
    main()
