"""Plants faults into copies of a GEMM kernel's sources and expects each to be caught.

Each mutant is one change in a copy of the sources. The kernel is compiled and linked into launch_gemm, which
runs it on the emulator and compares the result with the reference. A mutant is caught when the emulator finds a
fault or the result is wrong, in one of the ordering modes; the originals must pass in all of them.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple, Optional

MODES = ("late", "eager", "random:1", "random:2")


class Mutant(NamedTuple):
    name: str
    unit: str  # the source that is compiled
    arguments: tuple  # of launch_gemm: kernel, m, n, k and, if not 1, slices
    file: str
    text: Optional[str]  # None: an original
    replacement: Optional[str]


class Kernels(NamedTuple):
    architecture: str  # "90a"
    copied: tuple  # sources that mutants change, and those that include them
    rack: str  # JSON of the emulated rack
    not_found: dict  # mutant: why the emulator does not see it yet


def build(folder, source, binaries, nvcc, kernels, mutant):
    for path in kernels.copied:
        content = (source / path).read_text()
        if mutant.text is not None and path == mutant.file:
            if content.count(mutant.text) != 1:
                sys.exit(f"{mutant.name}: {path} holds the text {content.count(mutant.text)} times")
            content = content.replace(mutant.text, mutant.replacement)
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(content)
    kernel = folder / "kernel.o"
    target = f"arch=compute_{kernels.architecture},code=compute_{kernels.architecture}"
    subprocess.run(
        [nvcc, "-std=c++20", "-O3", "-lineinfo", f"-I{folder}", f"-I{source}", "-gencode", target]
        + ["-c", folder / mutant.unit, "-o", kernel],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    # The mutant's object comes first: the library's object of the same symbols is then not taken.
    cuda = pathlib.Path(nvcc).parent.parent
    subprocess.run(
        ["c++", "-o", folder / "program", source / "tests/kernels/support/launch_gemm.cpp", kernel]
        + ["-std=c++20", f"-I{source}", "-isystem", cuda / "include"]
        + [binaries / "kernels/librackproof_kernels.a", binaries / "runtime/librackproof_runtime.a"]
        + [f"-L{cuda}/lib64", "-lcudart", "-ldl"],
        check=True,
    )
    return folder / "program"


def run(program, arguments, binaries, mode):
    """None if all is right, else what was found."""
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=str(binaries / "emulator"),
        RACKPROOF_EMULATOR_RACK=str(program.parent / "rack.json"),
        RACKPROOF_EMULATOR_ORDERING=mode,
    )
    try:
        ended = subprocess.run(
            [program, *(*arguments, "1")[:5]], env=environment, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return "does not end"
    if ended.returncode == 0:
        return None
    lines = ended.stderr.strip().splitlines()
    return lines[0] if lines else "wrong result"


def find(mutant, source, binaries, nvcc, kernels):
    """The first mode that finds it, and what it says; None if all modes pass."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "rack.json").write_text(kernels.rack)
        program = build(folder, source, binaries, nvcc, kernels, mutant)
        for mode in MODES:
            found = run(program, mutant.arguments, binaries, mode)
            if found is not None:
                return f"{mode}: {found}"
    return None


def check(kernels, mutants):
    """The script's whole work: <source folder> <build folder> <nvcc> [<part of a mutant's name>]."""
    source, binaries, nvcc = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    part = sys.argv[4] if len(sys.argv) > 4 else ""
    unexpected = []
    for mutant in mutants:
        if part not in mutant.name:
            continue
        found = find(mutant, source, binaries, nvcc, kernels)
        print(f"{mutant.name}: {found or 'passes in all modes'}", flush=True)
        if (found is None) != (mutant.text is None) and mutant.name not in kernels.not_found:
            unexpected.append(mutant.name)
    if unexpected:
        sys.exit("not as expected: " + ", ".join(unexpected))


def rack(source, name):
    return (pathlib.Path(source) / "configs/racks" / f"{name}.json").read_text()
