"""Plants faults in the attention kernels (forward, backward, decode) and expects each to be caught.

usage: attention_mutants.py <source folder> <build folder> <nvcc> [--document] [<part of a name>]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutants

FOLDER = "kernels/attention/"
TESTS = "tests/kernels/attention/"
MEMORY = FOLDER + "sm80_memory.cuh"
TILE = FOLDER + "sm80_tile.cuh"
LOOP = FOLDER + "sm80_forward.cuh"
RING = "    ptx::cp_async_wait<kConfig.stages - 2>();\n    __syncthreads();\n    prefetch();\n"

FORWARD = [
    ("original", LOOP, None, None),
    ("keys and values not awaited", MEMORY, RING, "    __syncthreads();\n    prefetch();\n"),
    ("one group too many left in flight", MEMORY, RING, RING.replace("- 2", "- 1")),
    ("no barrier after the wait", MEMORY, RING, RING.replace("    __syncthreads();\n", "")),
    ("stage refilled before the barrier", MEMORY, RING, "    prefetch();\n    ptx::cp_async_wait<kConfig.stages - 2>();\n    __syncthreads();\n"),
    ("values before keys", MEMORY, "next_item % 2 == 0 ? k : v", "next_item % 2 == 0 ? v : k"),
    ("stage of the item before", LOOP, "    KeyValueRing<kConfig>::advance(stage);\n    const int first_key", "    const int first_key"),
    ("mask one key too late", TILE, "n * 8 + e >= end", "n * 8 + e > end"),
    ("maximum of half a row", TILE, "      largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, 2));\n", ""),
    ("sum not brought to the new maximum", TILE, "fmaf(state.sum[m][half], correction[half], sum)", "state.sum[m][half] + sum"),
    ("output not brought to the new maximum", TILE, "correction[0] != 1.0F || correction[1] != 1.0F", "correction[0] == 0.0F && correction[1] == 0.0F"),
    ("K's matrices exchanged", TILE, "(lane / 16 * 8 + lane % 8,\n                                                                     lane / 8 % 2)", "(lane % 16, lane / 16)"),
    ("output stored before the warp has staged it", MEMORY, "  __syncwarp();\n  store_staged_rows", "  store_staged_rows"),
    ("lse in base 2", MEMORY, "+ ptx::lg2(sum)) * kLn2", "+ ptx::lg2(sum))"),
]
KV = FOLDER + "backward/backward_kv_sm80.cu"
BACKWARD = [
    ("original", KV, None, None),
    ("queries not awaited", KV, "    ptx::cp_async_wait<0>();\n", ""),
    ("no barrier after the wait", KV, "    __syncthreads();  // this item is there for all warps, and all have left the one before\n", ""),
    ("stage refilled while it is read", KV, "stage == stages ? stages + kConfig.stage_bytes() : stages,\n", "stage,\n"),
    ("dS read before all warps have put it", KV, "      __syncthreads();  // dS^T of all keys\n", ""),
    ("K overwritten while dQ reads it", KV, "  __syncthreads();  // dQ of the last item reads all of K\n", ""),
    ("dQ added without atomics", KV, "      atomicAdd(own + (d * 4 + e) * kWarpThreads + lane, dq[d][e]);", "      own[(d * 4 + e) * kWarpThreads + lane] += dq[d][e];"),
    ("mask one key too late", KV, "further >= end", "further > end"),
    ("statistics of the step before", KV, "static_cast<std::uint32_t>(step * kConfig.step_rows * BackwardConfig::kStatisticsBytes)", "static_cast<std::uint32_t>(step / 2 * kConfig.step_rows * BackwardConfig::kStatisticsBytes)"),
]
DECODE_RING = FOLDER + "decode/decode_ring.cuh"
DECODE_UNIT = FOLDER + "decode/decode_sm80.cu"
DECODE = [
    ("original", DECODE_UNIT, None, None),
    ("keys and values not awaited", DECODE_RING, "    ptx::cp_async_wait<kConfig.stages - 2>();\n", ""),
    ("no barrier of the warp after the wait", DECODE_RING, "    __syncwarp();\n    prefetch();", "    prefetch();"),
    ("pages of the tile before", DECODE_RING, "        look_up_pages();\n", ""),
    ("queries read before all threads have copied theirs", DECODE_UNIT, "  __syncthreads();  // every thread copied a part of Q\n", ""),
    ("rings overwritten while they are read", DECODE_UNIT, "  __syncthreads();  // the rings are read to the end; nothing is in flight but empty groups\n", ""),
    ("parts merged before they are there", DECODE_UNIT, "  merge.put(state, warp, lane);\n  __syncthreads();\n", "  merge.put(state, warp, lane);\n"),
    ("parts merged without their weights", DECODE_UNIT, "      sum = fmaf(statistics.sum, weight, sum);", "      sum += statistics.sum;"),
    ("keys beyond the end not hidden", DECODE_UNIT, "if (key + kConfig.key_tile > end)", "if (key > end)"),
]
# title, what is compiled, its headers, program, cases, mutants
KERNELS = [
    ("Attention forward, mma.sync", FOLDER + "attention_sm80.cu", (MEMORY, TILE, LOOP), "attention_kernel_test", "AttentionCounts.CausalMask:AttentionHeads.*", FORWARD),
    ("Attention backward, mma.sync", KV, (), "backward/attention_backward_test", "BackwardCounts.*:BackwardKernel.Shared*", BACKWARD),
    ("Attention decode, mma.sync", DECODE_UNIT, (DECODE_RING,), "decode/attention_decode_test", "DecodeCounts.*:DecodeHeads.*", DECODE),
]
NOT_FOUND = {}


def main():
    rack = mutants.rack(sys.argv[1], "hgx-a100-80")
    mutants.check(
        *(
            (
                mutants.Kernels("80", (unit, *headers), rack, NOT_FOUND, title, TESTS + program, mutants.GOOGLETEST),
                [
                    mutants.Mutant(name, unit, (f"--gtest_filter={cases}",), file, text, replacement)
                    for name, file, text, replacement in changes
                ],
            )
            for title, unit, headers, program, cases, changes in KERNELS
        )
    )


if __name__ == "__main__":
    main()
