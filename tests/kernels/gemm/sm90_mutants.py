"""Plants faults of ordering and layout in the sm_90a GEMM kernel and expects each to be caught.

usage: sm90_mutants.py <source folder> <build folder> <nvcc> [<part of a name>]
Each mutant is one change in a copy of the sources. The kernel is compiled and linked into launch_gemm, which
runs it on an emulated H100 and compares the result with the reference. A mutant is caught when the emulator
finds a fault or the result is wrong, in one of the ordering modes; the original must pass in all of them.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

KERNEL = "kernels/gemm/sm90/sm90_kernel.cuh"
PIPELINE = "kernels/gemm/sm90/sm90_pipeline.cuh"
EPILOGUE = "kernels/gemm/sm90/sm90_epilogue.cuh"
WGMMA = "kernels/ptx/wgmma.cuh"
COPIED = (KERNEL, PIPELINE, EPILOGUE, WGMMA, "kernels/gemm/sm90/sm90_half.cu")
# name, file, text, replacement
MUTANTS = [
    ("original", KERNEL, None, None),
    (
        "full barrier not awaited",
        KERNEL,
        "    ptx::mbarrier_wait(shared.full(place.stage), place.parity);\n    ptx::wgmma_fence();",
        "    ptx::wgmma_fence();",
    ),
    (
        "empty barrier not awaited",
        KERNEL,
        "      ptx::mbarrier_wait_cluster(shared.empty(place.stage), place.parity ^ 1U);\n",
        "",
    ),
    ("empty phase flipped", KERNEL, "place.parity ^ 1U);", "place.parity);"),
    (
        "stage released while it is read",
        KERNEL,
        "      release(shared, multiplied);\n    }\n    multiplied = place.stage;",
        "      release(shared, place.stage);\n    }\n    multiplied = place.stage;",
    ),
    (
        "products not awaited before the release",
        KERNEL,
        "      ptx::wgmma_wait<1>();\n",
        "",
    ),
    (
        "last products not awaited",
        KERNEL,
        "  ptx::wgmma_wait<0>();\n#pragma unroll\n",
        "#pragma unroll\n",
    ),
    ("expected bytes too few", KERNEL, "(full, Tile.stage_bytes());", "(full, Tile.a_bytes());"),
    ("arrivals of one CTA only", PIPELINE, "Tile.cluster * kConsumerWarps", "kConsumerWarps"),
    ("barriers not fenced", PIPELINE, "    ptx::fence_mbarrier_init();\n", ""),
    (
        "cluster does not meet before the first copy",
        KERNEL,
        "  ptx::cluster_sync();  // nobody copies to a barrier that does not exist yet\n",
        "  __syncthreads();\n",
    ),
    (
        "cluster ends without meeting",
        KERNEL,
        "  ptx::cluster_sync();  // nobody copies to or arrives at a CTA that has ended\n",
        "",
    ),
    ("B of the other half", KERNEL, "first_column + part, full", "first_column, full"),
    ("stride of groups of rows", WGMMA, "1024 >> 4", "512 >> 4"),
    ("no swizzle in the descriptor", WGMMA, "kSwizzle128 = 1;", "kSwizzle128 = 0;"),
    ("panel swizzled otherwise", EPILOGUE, "pair * 2 + lane_ / 16)", "(pair * 2 + lane_ / 16) ^ 1)"),
    ("panel stored without a proxy fence", EPILOGUE, "      ptx::fence_async_shared();\n", ""),
    (
        "panel overwritten while it is stored",
        EPILOGUE,
        "ptx::tma_store_wait_read<kPanelBuffers - 1>();",
        "",
    ),
    ("CTA ends before its panels are stored", EPILOGUE, "      ptx::tma_store_wait_read<0>();\n", ""),
]
# What the emulator does not see yet.
NOT_FOUND = {
    "barriers not fenced": "barrier.cluster orders the initialisation; the async proxy's view is not kept apart",
    "cluster ends without meeting": "the CTAs of a cluster end together",
    "CTA ends before its panels are stored": "shared memory outlives the CTA until its stores are over",
}
MODES = ("late", "eager", "random:1", "random:2")
# Two tiles in a cluster, more K-tiles than stages, more panels than buffers.
RUN = ("gemm_wgmma_bf16_128x256x64_cluster2", "256", "256", "448", "1")


def build(folder, source, binaries, nvcc, mutant):
    name, changed, text, replacement = mutant
    for path in COPIED:
        content = (source / path).read_text()
        if text is not None and path == changed:
            if content.count(text) != 1:
                sys.exit(f"{name}: {path} holds the text {content.count(text)} times")
            content = content.replace(text, replacement)
        copy = folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(content)
    kernel = folder / "kernel.o"
    subprocess.run(
        [nvcc, "-std=c++20", "-O3", "-lineinfo", f"-I{folder}", f"-I{source}"]
        + ["-gencode", "arch=compute_90a,code=compute_90a"]
        + ["-c", folder / COPIED[-1], "-o", kernel],
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


def run(program, binaries, mode):
    """None if all is right, else what was found."""
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=str(binaries / "emulator"),
        RACKPROOF_EMULATOR_RACK="dgx-h100",
        RACKPROOF_EMULATOR_ORDERING=mode,
    )
    try:
        ended = subprocess.run(
            [program, *RUN], env=environment, capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return "does not end"
    if ended.returncode == 0:
        return None
    lines = ended.stderr.strip().splitlines()
    return lines[0] if lines else "wrong result"


def main():
    source, binaries, nvcc = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    missed = []
    for mutant in MUTANTS:
        if len(sys.argv) > 4 and sys.argv[4] not in mutant[0]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            program = build(pathlib.Path(folder), source, binaries, nvcc, mutant)
            found = None
            for mode in MODES:
                found = run(program, binaries, mode)
                if found is not None:
                    found = f"{mode}: {found}"
                    break
        print(f"{mutant[0]}: {found or 'passes in all modes'}", flush=True)
        should_pass = mutant[0] == "original"
        if (found is None) != should_pass and mutant[0] not in NOT_FOUND:
            missed.append(mutant[0])
    if missed:
        sys.exit("not as expected: " + ", ".join(missed))


main()
