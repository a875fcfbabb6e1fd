"""Seeds of the fuzzers from files that the repository already has: make_seeds.py <source> <out>."""
import json
import pathlib
import re
import sys

source, out = (pathlib.Path(argument) for argument in sys.argv[1:3])


def write(fuzzer: str, name: str, content: bytes) -> None:
    folder = out / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def short(value, entries: int):
    """The same document with at most so many entries in each list."""
    if isinstance(value, dict):
        return {key: short(entry, entries) for key, entry in value.items()}
    if isinstance(value, list):
        return [short(entry, entries) for entry in value[:entries]]
    return value


# The first byte of a configuration seed chooses the reader (configuration.cpp).
for rack in sorted((source / "configs/racks").glob("*.json")):
    write("configuration", f"facts-{rack.name}", b"\0" + rack.read_bytes())
    write("configuration", f"model-{rack.name}", b"\1" + rack.read_bytes())
write("configuration", "parameters.json",
      b'\2{"m": 64, "share": 0.5, "types": ["bf16"], "sizes": [1, 2], "causal": true}')

for record in sorted((source / "results/examples").glob("*/record.json")):
    document = short(json.loads(record.read_text()), 1)
    write("record", record.parent.name, json.dumps(document).encode())

for name, content in {"whole": b"\0" + bytes([2, 0, 0, 2, 1, 1, 2, 2, 2]),
                      "twice": b"\0" + bytes([1, 0, 0, 1, 0, 0]),
                      "torn": b"\1" + bytes([17, 255, 1, 0, 0])}.items():
    write("rendezvous", name, content)

# What an instruction can be made of, for the mutator.
words = set()
for line in (source / "tests/emulator/ptx/oracle/legal.txt").read_text().splitlines():
    words.update(re.findall(r"\.?[a-z_][a-z0-9_:]*", line.split(";")[0]))
(out / "ptx.dict").write_text("".join(f'"{word}"\n' for word in sorted(words)))
