"""The machine code of our own kernels: the instructions that are meant, and how many a loop takes.

usage: check_sass.py <kernels library> <nvcc> <baselines> <folder of tools>... [--update]
Fails if a kernel uses local memory, lacks an instruction that its rule names, or has become worse than
its baseline: longer, a longer loop, another number of matrix instructions in it, more fences or
barriers. Exits with 77 (skipped) where no folder has cuobjdump and nvdisasm.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import sass

# Kernels that nobody times: inputs, pauses and references.
UNMEASURED = ("delay", "random_fill", "attention_oracle", "backward_oracle")
MATRIX = r"[HIDQ]MMA\b|[HIQ]GMMA\b|UTC[HIQO]MMA\b"
# What makes a loop worth a line of the baseline: the innermost that holds one of these.
LOOPS = {
    "matrix": MATRIX,
    "tma_load": r"UTMALDG|UBLKCP",
    "tensor_memory_load": r"LDTM",
    "fma": r"FFMA\b",
    "global_load": r"LDG\b",
    "global_store": r"STG\b",
}
# Loops of the last three only matter where no engine does the work.
SIMPLE = ("fma", "global_load", "global_store")
COUNTS = {
    "instructions": r"",
    "matrix": MATRIX,
    "shared_loads": r"LDSM|LDS\b",
    "copies": r"LDGSTS|UTMALDG|UTCCP",
    "barriers": r"BAR\b|SYNCS|WARPSYNC",
    # Wait for, or give up, what the whole GPU could see.
    "fences": r"MEMBAR\.\w+\.(GPU|SYS|VC)|CCTL\.IVALL",
}
LOCAL_MEMORY = r"LDL|STL"

# (kernel, what must be there, what must not); the first that fits. Sources: README.md of each folder.
COPIES = (r"LDGSTS\.E\.BYPASS\S*\.128", r"LDSM\.16\.M")
TMA = (r"UTMALDG\.2D", r"UTMASTG\.2D", r"SYNCS\.PHASECHK")
HOPPER = TMA + (r"WARPGROUP\.DEPBAR", r"USETMAXREG\.DEALLOC", r"STSM\.16\.M88\.4")
BLACKWELL = TMA + (r"UTCBAR", r"LDTM\.x32", r"UTCATOMSWS")
SWAPPED = TMA + (r"UTCBAR", r"LDTM\.16dp256bit\.x2", r"STSM\.16\.MT88\.4", r"UTCATOMSWS")
PAIR = (r"UTMALDG\.2D\.2CTA", r"UTCBAR\.2CTA\.MULTICAST")
# Of B where two pairs share it, of its scales in every pair.
MULTICAST = (r"UTMALDG\.2D\.MULTICAST\.2CTA",)
ATTENTION = COPIES + (r"HMMA\.16816\.F32", r"LDSM\.16\.MT88\.4", r"MUFU\.EX2")
RULES = (
    (r"gemm_tensor_kernel<HalfMma<__half>", COPIES + (r"HMMA\.16816\.F32$",), ()),
    (r"gemm_tensor_kernel<HalfMma<__nv_bfloat16>", COPIES + (r"HMMA\.16816\.F32\.BF16$",), ()),
    (r"gemm_tensor_kernel<Tf32Mma", COPIES + (r"HMMA\.1688\.F32\.TF32$",), ()),
    (r"gemm_tensor_kernel<Int8Mma", COPIES + (r"IMMA\.16832\.S8\.S8$",), ()),
    (r"gemm_tensor_kernel<WidenedMma", COPIES + (r"HMMA\.16816\.F32$", r"F2FP\S*UNPACK"), (r"QMMA",)),
    (r"gemm_tensor_kernel<NativeMma", COPIES + (r"QMMA\.16832\.F32\.E",), (r"HMMA",)),
    (r"gemm_fp64_kernel", (r"LDGSTS\.E\.BYPASS\S*\.128", r"DMMA\.8", r"LDS\b"), ()),
    (r"gemm_simt_kernel", (r"LDGSTS\.E\.BYPASS\S*\.128", r"FFMA", r"LDS\.128"), (MATRIX,)),
    (r"gemm_sm90_kernel<E[45]m", HOPPER + (r"QGMMA\.64x\d+x32\.F32\.E",), ()),
    (r"gemm_sm90_kernel<", HOPPER + (r"HGMMA\.64x\d+x16\.F32",), ()),
    (r"gemm_sm100_kernel<\w+, Swapped\w*<0\b", SWAPPED + (r"UTCHMMA$",), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Swapped\w*<2\b", SWAPPED + (r"UTCQMMA$",), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Swapped\w*<3\b", SWAPPED + (r"UTCQMMA$", r"UTCCP\.T\.S\.4"), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Swapped\w*<[45]\b", SWAPPED + (r"UTCOMMA", r"UTCCP\.T\.S\.4"), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Single\w*<[01]\b", BLACKWELL + (r"UTCHMMA$",), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Pairs\w*<[01]\b", BLACKWELL + PAIR + MULTICAST + (r"UTCHMMA\.2CTA",), (r"UTC[HQO]MMA$",)),
    (r"gemm_sm100_kernel<\w+, Pair\w*<[01]\b", BLACKWELL + PAIR + (r"UTCHMMA\.2CTA",), (r"UTC[HQO]MMA$",)),
    (r"gemm_sm100_kernel<\w+, Single\w*<2\b", BLACKWELL + (r"UTCQMMA$",), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Pair\w*<2\b", BLACKWELL + PAIR + (r"UTCQMMA\.2CTA",), (r"UTC[HQO]MMA$",)),
    (r"gemm_sm100_kernel<\w+, Single\w*<3\b", BLACKWELL + (r"UTCQMMA$", r"UTCCP\.T\.S\.4"), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Pair\w*<3\b", BLACKWELL + PAIR + MULTICAST + (r"UTCQMMA\.2CTA", r"UTCCP\.T\.S\.2CTA\.4"), ()),
    (r"gemm_sm100_kernel<\w+, Single\w*<[45]\b", BLACKWELL + (r"UTCOMMA", r"UTCCP\.T\.S\.4"), (r"UTC[HQO]MMA\.2CTA",)),
    (r"gemm_sm100_kernel<\w+, Pair\w*<[45]\b", BLACKWELL + PAIR + MULTICAST + (r"UTCOMMA\.2CTA", r"UTCCP\.T\.S\.2CTA\.4"), ()),
    (r"attention_forward|attention_decode_sm80|attention_backward_(q|kv)", ATTENTION, ()),
    (r"memory_read|memory_copy", (r"LDG\.E\.NA\.128",), ()),
    (r"memory_(write|copy|compute)", (r"STG\.E\.EF\.128",), ()),
    (r"quantize_kernel", (r"LDG\.E\S*\.256", r"STG\.E\.128"), ()),
)


def counted(pattern, instructions):
    return sum(re.match(pattern, each.opcode) is not None for each in instructions)


def loops_of(kernel):
    """{"matrix": [counts of each innermost loop]}, of what the kernel has."""
    # ptxas makes a loop of an instruction whose operands it cannot prove uniform; none of ours.
    real = [
        loop
        for loop in kernel.loops
        if len(loop.instructions) > 1 and not loop.instructions[-1].opcode.startswith("BRA.U.ANY")
    ]
    found = {}
    for name, pattern in LOOPS.items():
        if name in SIMPLE and found:
            continue
        # Oracles and epilogues have a few; a loop around fma is meant to consist of them.
        least = 32 if name == "fma" else 1
        holding = [loop for loop in real if counted(pattern, loop.instructions) >= least]
        innermost = [
            loop
            for loop in holding
            if not any(loop.head <= other.head and other.end <= loop.end and other is not loop for other in holding)
        ]
        if innermost:
            found[name] = [
                {key: counted(each, loop.instructions) for key, each in COUNTS.items()}
                for loop in sorted(innermost, key=lambda loop: loop.head)
            ]
    return found


def text_of(baseline):
    """JSON with a line for each loop."""
    text = json.dumps(baseline, indent=1)
    return re.sub(r"\{\s+(\"instructions\": \d+,\s+\"matrix\"[^{}]*?)\s+\}", lambda found: "{" + re.sub(r"\s+", " ", found[1]) + "}", text) + "\n"


def describe(kernel):
    uniform = sum(each.opcode.startswith("BRA.U.ANY") for each in kernel.instructions)
    return {"instructions": len(kernel.instructions), "uniform_loops": uniform, "loops": loops_of(kernel)}


def wrong_instructions(name, kernel):
    problems = []
    opcodes = {each.opcode for each in kernel.instructions}
    if any(re.match(LOCAL_MEMORY, opcode) for opcode in opcodes):
        problems.append("uses local memory")
    for pattern, needed, forbidden in RULES:
        if re.match(pattern, name):
            problems += [f"has no {each}" for each in needed if not any(re.match(each, o) for o in opcodes)]
            problems += [f"has {each}" for each in forbidden if any(re.match(each, o) for o in opcodes)]
            break
    return problems


def differences(now, before, where=""):
    """(worse, better): sentences."""
    worse, better = [], []
    for key in sorted(now.keys() | before.keys()):
        a, b, place = now.get(key), before.get(key), f"{where}{key}"
        if isinstance(a, dict) and isinstance(b, dict):
            each = differences(a, b, f"{place} ")
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            parts = [differences(x, y, f"{place} ") for x, y in zip(a, b)]
            each = [sum((part[i] for part in parts), []) for i in (0, 1)]
        elif a == b:
            continue
        else:
            both = isinstance(a, int) and isinstance(b, int)
            less = both and a < b and not place.endswith(" matrix")
            sentence = f"{place}: {a if a is not None else 'none'}, was {b if b is not None else 'none'}"
            each = ([], [sentence]) if less else ([sentence], [])
        worse += each[0]
        better += each[1]
    return worse, better


def tools_in(folders):
    for folder in folders:
        tools = [shutil.which(name, path=folder) for name in ("cuobjdump", "nvdisasm")]
        if all(tools):
            return [pathlib.Path(tool).resolve() for tool in tools]
    return None


def compiler(nvcc):
    text = subprocess.run([nvcc, "--version"], check=True, capture_output=True, text=True).stdout
    return "nvcc " + re.search(r"V(\d+\.\d+\.\d+)", text)[1]


def main():
    update = "--update" in sys.argv
    library, nvcc, baselines, *folders = [each for each in sys.argv[1:] if each != "--update"]
    baselines = pathlib.Path(baselines)
    tools = tools_in([*folders, str(pathlib.Path(nvcc).resolve().parent), None])
    if tools is None:
        print("skipped: no cuobjdump and nvdisasm beside nvcc; ./test fetches them from PyPI")
        sys.exit(77)
    failed = False
    version = compiler(nvcc)
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [tools[0], "-xelf", "all", pathlib.Path(library).resolve()], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        for cubin in sorted(pathlib.Path(folder).glob("*.cubin")):
            source = cubin.name.split(".")[0]
            if source in UNMEASURED:
                continue
            seen.add(source)
            kernels = sass.disassemble(tools[1], cubin)
            for name, kernel in kernels.items():
                for problem in wrong_instructions(name, kernel):
                    print(f"{source}: {name} {problem}")
                    failed = True
            now = {
                "architecture": cubin.name.split(".")[1],
                "cuda_compiler": version,
                "kernels": {name: describe(kernels[name]) for name in sorted(kernels)},
            }
            file = baselines / f"{source}.json"
            if update:
                file.write_text(text_of(now))
                continue
            before = json.loads(file.read_text()) if file.exists() else {"kernels": {}}
            if file.exists() and before["cuda_compiler"] != version:
                print(f"{source}: compiled by {version}, counted with {before['cuda_compiler']}: not compared")
                continue
            worse, better = differences(now["kernels"], before["kernels"])
            for sentence in worse:
                print(f"{source}: worse: {sentence}")
            for sentence in better:
                print(f"{source}: better: {sentence}")
            failed |= bool(worse)
    for file in baselines.glob("*.json"):
        if file.stem not in seen:
            if update:
                file.unlink()
            else:
                print(f"{file.name}: no such source")
                failed = True
    print(f"{len(seen)} cubins of {version}")
    if failed:
        print("where this is meant: " + " ".join(sys.argv) + " --update")
        sys.exit(1)


main()
