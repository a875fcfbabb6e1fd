"""Plants faults into copies of a kernel's sources and expects each to be caught.

Each mutant is one change in a copy of the sources. The kernel is compiled and linked in front of the
library into a test program, which runs it on the emulator and compares the result with the
reference. A mutant is caught when the emulator finds a fault or the result is wrong, in one of the
ordering modes; the originals must pass in all of them. `--document` puts what was found into
docs/mutants.md.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple, Optional

GOOGLETEST = ("-lgtest_main", "-lgtest", "-lpthread")
MODES = ("late", "eager", "random:1", "random:2")
WRONG, ENDLESS, MISSED = "verification: wrong result", "does not end", "**missed**"
FINDING = re.compile(
    r"PTX line \d+(?: \((?P<place>[^()]*)\))?(?: \((?P<instruction>[^()]*)\))?[^:]*: (?P<what>.*)"
)


class Mutant(NamedTuple):
    name: str
    unit: str  # the source that is compiled
    arguments: tuple  # of the program
    file: str
    text: Optional[str]  # None: an original
    replacement: Optional[str]


class Kernels(NamedTuple):
    architecture: str  # "90a"
    copied: tuple  # sources that mutants change, and those that include them
    rack: str  # JSON of the emulated rack
    not_found: dict  # mutant: why nothing sees it
    title: str = ""  # of the section in docs/mutants.md
    program: str = "tests/kernels/gemm/launch_gemm"  # CMake target whose objects run the kernel
    libraries: tuple = ()
    seconds: int = 120  # that a run may take


class Found(NamedTuple):
    mode: str
    finding: str  # "" where verification found it
    ended: bool = True

    @property
    def place(self):
        found = FINDING.search(self.finding)
        return (found["place"] or "") if found else ""

    @property
    def how(self):
        if not self.ended:
            return ENDLESS
        if not self.finding:
            return WRONG
        found = FINDING.search(self.finding)
        what = found["what"] if found else self.finding.split(": ", 1)[-1]
        what = re.sub(r"0x7[0-9a-f]{9,}", "0x...", what)  # of host memory: another one in each run
        return what if len(what) <= 200 else what[:197] + "..."


def stale(source, mutants):
    """Sentences about mutants whose text is not there exactly once."""
    counts = {
        mutant: (source / mutant.file).read_text().count(mutant.text)
        for mutant in mutants
        if mutant.text is not None
    }
    return [f"{mutant.name}: {mutant.file} holds the text {n} times" for mutant, n in counts.items() if n != 1]


def copy_sources(folder, source, kernels, mutant):
    for path in kernels.copied:
        content = (source / path).read_text()
        if mutant.text is not None and path == mutant.file:
            content = content.replace(mutant.text, mutant.replacement)
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(content)


def build(folder, source, binaries, nvcc, kernels, mutant):
    copy_sources(folder, source, kernels, mutant)
    kernel = folder / "kernel.o"
    target = f"arch=compute_{kernels.architecture},code=compute_{kernels.architecture}"
    subprocess.run(
        [nvcc, "-std=c++20", "-O3", "-lineinfo", f"-I{folder}", f"-I{source}", "-gencode", target]
        + ["-c", folder / mutant.unit, "-o", kernel],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    target_folder, name = kernels.program.rsplit("/", 1)
    objects = sorted((binaries / target_folder / "CMakeFiles" / f"{name}.dir").rglob("*.o"))
    # The mutant's object comes first: the library's object of the same symbols is then not taken.
    subprocess.run(
        ["c++", "-o", folder / "program", kernel, *objects]
        + [binaries / "kernels/librackproof_kernels.a", binaries / "runtime/librackproof_runtime.a"]
        + [f"-L{pathlib.Path(nvcc).parent.parent}/lib64", "-lcudart", "-ldl", *kernels.libraries],
        check=True,
    )
    return folder / "program"


def run(program, kernels, arguments, binaries, mode):
    """None if all is right."""
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=str(binaries / "emulator"),
        RACKPROOF_EMULATOR_RACK=str(program.parent / "rack.json"),
        RACKPROOF_EMULATOR_ORDERING=mode,
    )
    try:
        ended = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, timeout=kernels.seconds
        )
    except subprocess.TimeoutExpired:
        return Found(mode, "", ended=False)
    # Of a rule that nothing in the kernel follows any more the emulator only makes a note.
    findings = [line for line in ended.stderr.splitlines() if line.startswith("rackproof emulator:")]
    if ended.returncode == 0 and not findings:
        return None
    return Found(mode, findings[0] if findings else "")


def find(program, mutant, binaries, kernels):
    """What the first mode says that finds it; None if all modes pass."""
    return next(
        (found for mode in MODES if (found := run(program, kernels, mutant.arguments, binaries, mode))), None
    )


def by_build(mutants):
    """Lists of mutants that run the same program with other arguments."""
    builds = {}
    for mutant in mutants:
        change = (mutant.unit, mutant.text and (mutant.file, mutant.text, mutant.replacement))
        builds.setdefault(change, []).append(mutant)
    return builds.values()


def row(mutant, found, kernels):
    if found is None:
        cells = [MISSED, "", kernels.not_found.get(mutant.name, "")]
    else:
        cells = [f"`{found.mode}`", found.place, found.how]
    cells = [mutant.name, pathlib.Path(mutant.file).name, *cells]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def document(file, kernels, mutants, outcomes):
    """Replaces the section of these kernels; rows of mutants that did not run stay."""
    parts = re.split(r"(?m)^(?=## )", file.read_text())
    places = [i for i, part in enumerate(parts) if part.startswith(f"## {kernels.title}\n")]
    old = re.findall(r"(?m)^\| .* \|$", parts[places[0]]) if places else []
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in old}
    rows.update((mutant.name, row(mutant, found, kernels)) for mutant, found in outcomes)
    rows = [rows[mutant.name] for mutant in mutants if mutant.text is not None and mutant.name in rows]
    caught = [line for line in rows if MISSED not in line]
    checked = [line for line in caught if not line.endswith((f"| {WRONG} |", f"| {ENDLESS} |"))]
    runs = sorted({" ".join(mutant.arguments) for mutant in mutants})
    text = "\n".join(
        [
            f"## {kernels.title}",
            f"{len(caught)} of {len(rows)} caught, {len(checked)} of them by the emulator's checks. Runs: "
            + "; ".join(f"`{each}`" for each in runs)
            + ".",
            "",
            "| planted fault | changed file | mode | found at | what is said |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "",
        ]
    )
    if places:
        parts[places[0]] = text
    else:
        parts[-1] = parts[-1].rstrip("\n") + "\n\n"
        parts.append(text)
    file.write_text("".join(parts).rstrip("\n") + "\n")


def unexpected_of(kernels, mutants):
    """Names of the originals that fail and of the mutants that pass. Reads the script's arguments:
    <source folder> <build folder> <nvcc> [--document] [<part of a name>]. With --texts nothing runs: the
    sources are searched for what the mutants change."""
    source, binaries, nvcc = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    documents = "--document" in sys.argv
    part = next((each for each in sys.argv[4:] if each != "--document"), "")
    outcomes = []
    unexpected = []
    for same_build in by_build([mutant for mutant in mutants if part in mutant.name]):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "rack.json").write_text(kernels.rack)
            program = build(folder, source, binaries, nvcc, kernels, same_build[0])
            for mutant in same_build:
                found = find(program, mutant, binaries, kernels)
                outcomes.append((mutant, found))
                said = "passes in all modes" if found is None else f"{found.mode}: {found.finding or found.how}"
                print(f"{mutant.name}: {said}", flush=True)
                if (found is None) != (mutant.text is None) and mutant.name not in kernels.not_found:
                    unexpected.append(mutant.name)
    if documents:
        document(source / "docs/mutants.md", kernels, mutants, outcomes)
    return unexpected


def check(*kernels_and_mutants):
    """The whole work of a script: pairs of Kernels and their mutants, or one pair as two arguments."""
    pairs = [kernels_and_mutants] if isinstance(kernels_and_mutants[0], Kernels) else kernels_and_mutants
    outdated = [sentence for _, mutants in pairs for sentence in stale(pathlib.Path(sys.argv[1]), mutants)]
    if outdated:
        sys.exit("\n".join(outdated))
    if "--texts" in sys.argv:
        return
    unexpected = [name for kernels, mutants in pairs for name in unexpected_of(kernels, mutants)]
    if unexpected:
        sys.exit("not as expected: " + ", ".join(unexpected))


def rack(source, name, multiprocessors=None):
    """A shipped rack, with so many SMs."""
    text = (pathlib.Path(source) / "configs/racks" / f"{name}.json").read_text()
    if multiprocessors is not None:
        text, count = re.subn(r'"multiprocessors": \d+', f'"multiprocessors": {multiprocessors}', text)
        assert count == 1
    return text
