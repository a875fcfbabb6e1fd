"""Counts the work of the decode kernels on the emulator, on whole steps of all warps.

usage: check_counts.py <attention_decode_test>
Fails unless matrix flops are those of the 16-row head tiles, shared memory has no bank conflict in
the main loop and every byte of the cache is read once, in whole sectors.
"""

import json
import os
import subprocess
import sys
import tempfile

# DecodeCounts.WholeSteps: two sequences in splits of 128 keys, 32 query heads on 2 key/value heads.
KEYS, SPLITS, WHOLE_SPLITS, GROUP, KV_HEADS, WARPS = 128 + 512, 5, 1, 16, 2, 4
SECTOR_BYTES, BANK_LINE_BYTES = 32, 128


def kernels_of(binary):
    with tempfile.TemporaryDirectory() as folder:
        counters = os.path.join(folder, "counters.json")
        subprocess.run(
            [binary, "--gtest_filter=DecodeCounts.*"],
            env=dict(os.environ, RACKPROOF_EMULATOR_COUNTERS=counters),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(counters, encoding="utf-8") as file:
            kernels = json.load(file)["kernels"]
    found = {}
    for kernel in kernels:
        for head_dim in (64, 128):
            if f"attention_decode_sm80ILi{head_dim}E" in kernel["name"]:
                found[head_dim] = kernel["counters"]
    assert sorted(found) == [64, 128], f"expected both kernels, found {sorted(found)}"
    return found


def expect(what, actual, low, high):
    if not low <= actual <= high:
        sys.exit(f"{what}: {actual:.0f}, expected {low:.0f} to {high:.0f}")
    print(f"{what}: {actual:.0f}")


def check(head_dim, counters):
    name = f"head_dim {head_dim}"
    instructions = counters["warp_instructions"]
    ctas = SPLITS * KV_HEADS
    flops = 4 * KV_HEADS * KEYS * GROUP * head_dim
    expect(f"{name}, matrix flops", counters["mma_flops_f16"], flops, flops)

    copied = 2 * KV_HEADS * KEYS * head_dim * 2 + ctas * GROUP * head_dim * 2
    expect(f"{name}, bytes copied", counters["async_copy_bytes"], copied, copied)

    # 16 bytes a lane (4 wavefronts): Q, K and V by ldmatrix, then the rows that are merged. 8 bytes
    # (2): rows put there. Statistics: one or two wavefronts each.
    fragments = ctas * WARPS * head_dim // 16 + KV_HEADS * 2 * KEYS * head_dim // 256
    rows = ctas * WARPS * GROUP * head_dim // 128
    pairs = ctas * WARPS * head_dim // 4
    statistics = (
        instructions["load_shared"] + instructions["store_shared"] - fragments - rows - pairs
    )
    floor = 4 * (fragments + rows) + 2 * pairs + copied / BANK_LINE_BYTES
    expect(
        f"{name}, shared-memory wavefronts",
        counters["shared_wavefronts"],
        floor + statistics,
        floor + 2 * statistics,
    )

    # Stored: fp32 rows and a sector of statistics for each, or 16-bit rows and one of lse. Loaded
    # besides the cache: lengths, items and page numbers, the same word in all lanes.
    partial = (SPLITS - WHOLE_SPLITS) * KV_HEADS * GROUP * (head_dim * 4 // SECTOR_BYTES + 1)
    whole = WHOLE_SPLITS * KV_HEADS * GROUP * (head_dim * 2 // SECTOR_BYTES + 1)
    least = copied / SECTOR_BYTES + partial + whole
    expect(
        f"{name}, global sectors",
        counters["global_sectors"],
        least,
        least + 2 * instructions["load_global"],
    )


def main():
    for head_dim, counters in kernels_of(sys.argv[1]).items():
        check(head_dim, counters)


main()
