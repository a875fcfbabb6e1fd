#!/usr/bin/env python3
"""The emulator's libcudart exports every name of the toolkit's, in the same symbol version, and
one of its own."""

import subprocess
import sys

OUR_OWN = {f"rackproof_{name}@@libcudart.so.13" for name in ("work_counters_v2", "bulk_counters_v1")}


def exports(nm, library):
    listing = subprocess.run([nm, "-D", "--defined-only", library], check=True,
                             capture_output=True, text=True).stdout
    symbols = {line.split()[-1] for line in listing.splitlines()}
    return {symbol for symbol in symbols if "cuda" in symbol and "@" in symbol}


def main():
    nm, ours, theirs = sys.argv[1:4]
    wanted = exports(nm, theirs)
    have = exports(nm, ours)
    missing = sorted((wanted | OUR_OWN) - have)
    extra = sorted(have - wanted - OUR_OWN)
    print(f"{len(wanted)} names wanted, {len(missing)} missing {missing}, {len(extra)} extra {extra}")
    return 1 if missing or extra or len(wanted) < 400 else 0


if __name__ == "__main__":
    sys.exit(main())
