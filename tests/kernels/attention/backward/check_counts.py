"""Counts the work of the backward kernels on the emulator, on whole tiles under a causal mask.

usage: check_counts.py <attention_backward_test>
Fails unless matrix flops are those of the visited tiles, shared memory has no bank conflict, global
memory moves whole sectors, and an atomic instruction of a warp touches four.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

# BackwardCounts.WholeTiles: two query heads on one key/value head.
SEQ, HEADS, STATIONARY, MOVING = 256, 2, 128, 64
SECTOR_BYTES, BANK_LINE_BYTES, LANES, VECTOR_BYTES = 32, 128, 32, 16
# A tile of keys is seen from its first row on, a tile of queries sees up to its last.
VISITED = sum((i + 1) * STATIONARY // MOVING for i in range(SEQ // STATIONARY)) * HEADS
PRODUCTS = {"kv_false": 4, "kv_true": 5, "q": 3}


def kernels_of(binary):
    with tempfile.TemporaryDirectory() as folder:
        counters = os.path.join(folder, "counters.json")
        subprocess.run(
            [binary, "--gtest_filter=BackwardCounts.*"],
            env=dict(os.environ, RACKPROOF_EMULATOR_COUNTERS=counters),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with open(counters, encoding="utf-8") as file:
            kernels = json.load(file)["kernels"]
    found = {}
    for kernel in kernels:
        name = re.search(r"attention_backward_(kv|q)_sm80ILi(\d+)E(?:Lb(\d))?", kernel["name"])
        if name:
            kind = {None: "q", "0": "kv_false", "1": "kv_true"}[name.group(3)]
            found[kind, int(name.group(2))] = kernel["counters"]
    wanted = sorted((kind, head_dim) for kind in PRODUCTS for head_dim in (64, 128))
    assert sorted(found) == wanted, f"expected {wanted}, found {sorted(found)}"
    return found


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}: {actual:.0f}, expected {wanted:.0f}")
    print(f"{what}: {actual:.0f}")


def main():
    for (kind, head_dim), counters in kernels_of(sys.argv[1]).items():
        name = f"{kind}, head_dim {head_dim}"
        instructions = counters["warp_instructions"]
        expect(
            f"{name}, matrix flops",
            counters["mma_flops_f16"],
            2 * PRODUCTS[kind] * VISITED * STATIONARY * MOVING * head_dim,
        )
        # Every load from shared memory moves 16 bytes a lane, every store 4.
        expect(
            f"{name}, shared-memory wavefronts",
            counters["shared_wavefronts"],
            instructions["load_shared"] * LANES * VECTOR_BYTES / BANK_LINE_BYTES
            + instructions["store_shared"]
            + counters["async_copy_bytes"] / BANK_LINE_BYTES,
        )
        # Statistics of dQ's rows: 8 rows a load, each to four lanes. Atomics: 4 bytes a lane.
        stored = SEQ * HEADS * head_dim * 2 if kind == "q" else 2 * SEQ * head_dim * 2
        expect(
            f"{name}, global sectors",
            counters["global_sectors"],
            (counters["async_copy_bytes"] + stored) / SECTOR_BYTES
            + instructions["load_global"] * 2
            + instructions["atomic"] * LANES * 4 / SECTOR_BYTES,
        )


main()
