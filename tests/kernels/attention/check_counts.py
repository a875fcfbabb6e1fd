"""Counts the work of the portable attention kernel on the emulator, on whole tiles.

usage: check_counts.py <attention_kernel_test>
Fails unless matrix flops are those of the visited tiles, shared memory has no bank conflict and
global memory moves whole sectors only.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

SEQ, WINDOW_SEQ, HEADS, QUERY_TILE, KEY_TILE = 256, 384, 2, 128, 64
BANK_LINE_BYTES, SECTOR_BYTES = 128, 32
LANES, VECTOR_BYTES, WARPS = 32, 16, 4


def kernels_of(binary, case):
    """Counters of every attention kernel that the test case launches, by head dimension."""
    with tempfile.TemporaryDirectory() as folder:
        counters = os.path.join(folder, "counters.json")
        subprocess.run(
            [binary, f"--gtest_filter=AttentionCounts.{case}"],
            env=dict(os.environ, RACKPROOF_EMULATOR_COUNTERS=counters),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(counters, encoding="utf-8") as file:
            kernels = json.load(file)["kernels"]
    found = {}
    for kernel in kernels:
        for head_dim in (64, 128):
            if re.search(f"attention_forward_(packed_)?sm80ILi{head_dim}E", kernel["name"]):
                found[head_dim] = kernel["counters"]
    assert sorted(found) == [64, 128], f"expected both kernels, found {sorted(found)}"
    return found


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}: {actual:.0f}, expected {wanted:.0f}")
    print(f"{what}: {actual:.0f}")


def main():
    binary = sys.argv[1]
    tiles = SEQ // KEY_TILE
    visited = {
        "FullMask": SEQ // QUERY_TILE * tiles,
        # Query tile i ends at row (i + 1) * 128 - 1 and sees the key tiles up to there.
        "CausalMask": sum(
            (i + 1) * QUERY_TILE // KEY_TILE for i in range(SEQ // QUERY_TILE)
        ),
        # The first row of a tile sees 31 keys before it: one more key tile, but for the first.
        "SlidingWindow": sum(
            QUERY_TILE // KEY_TILE + (i > 0) for i in range(WINDOW_SEQ // QUERY_TILE)
        ),
    }
    for case, key_tiles in visited.items():
        for head_dim, counters in kernels_of(binary, case).items():
            name = f"{case}, head_dim {head_dim}"
            expect(
                f"{name}, matrix flops",
                counters["mma_flops_f16"],
                4 * HEADS * key_tiles * QUERY_TILE * KEY_TILE * head_dim,
            )
            # Every load from shared memory moves 16 bytes a lane, every store 4.
            instructions = counters["warp_instructions"]
            expect(
                f"{name}, shared-memory wavefronts",
                counters["shared_wavefronts"],
                instructions["load_shared"] * LANES * VECTOR_BYTES / BANK_LINE_BYTES
                + instructions["store_shared"]
                + counters["async_copy_bytes"] / BANK_LINE_BYTES,
            )
            # The packed kernel's tile: two words that all lanes of a warp load at once, a sector each.
            packed_warps = HEADS * WINDOW_SEQ // QUERY_TILE * WARPS * (case == "SlidingWindow")
            expect(
                f"{name}, bytes of the global sectors touched",
                counters["global_sectors"] * SECTOR_BYTES,
                counters["global_load_bytes"]
                + counters["global_store_bytes"]
                - packed_warps * 2 * (LANES * 4 - SECTOR_BYTES),
            )


main()
