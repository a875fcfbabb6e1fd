"""Plants faults of ordering and layout in the sm_100 GEMM kernels and expects each to be caught.

usage: sm100_mutants.py <source folder> <build folder> <nvcc> [--document] [<part of a name>]
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import mutants

FOLDER = "kernels/gemm/sm100/"
ROLES = FOLDER + "sm100_roles.cuh"
WIDE_ROLES = FOLDER + "sm100_wide_roles.cuh"
SHARED = FOLDER + "sm100_shared.cuh"
SCHEDULE = FOLDER + "sm100_schedule.cuh"
EPILOGUE = FOLDER + "sm100_epilogue.cuh"
KERNEL = FOLDER + "sm100_kernel.cuh"
SWAPPED_EPILOGUE = FOLDER + "sm100_swapped_epilogue.cuh"
PIECES = FOLDER + "sm100_pieces.cuh"
MMA = "kernels/ptx/tcgen05_mma.cuh"
TMEM = "kernels/ptx/tcgen05.cuh"
STMATRIX = "kernels/ptx/stmatrix.cuh"
ATOMIC = "kernels/ptx/atomic.cuh"
COPIED = (ROLES, WIDE_ROLES, SHARED, SCHEDULE, EPILOGUE, SWAPPED_EPILOGUE, PIECES, KERNEL, MMA, TMEM, STMATRIX, ATOMIC) + tuple(
    FOLDER + name
    for name in ("sm100_describe.cuh", "sm100_config.hpp", "sm100_dense.cu", "sm100_scaled.cu", "sm100_swapped.cu", "sm103_scaled.cu")
)
# More K-tiles than stages, several tiles a CTA, panels more than buffers. (kernel, m, n, k)
PAIR = ("sm100_dense.cu", "gemm_tcgen05_bf16_256x256x64_pair", "1024", "768", "512", "1")
SCALED = ("sm100_scaled.cu", "gemm_tcgen05_nvfp4_256x256x256_pair", "1024", "768", "1536", "1")
# Fewer rows than columns of the tile, CTAs with several units; a tile of three CTAs, CTAs of two tiles; scales.
PAIR_STREAMED = ("sm100_dense.cu", "gemm_tcgen05_bf16_256x256x64_pair", "300", "776", "640", "-10")
SLICED = ("sm100_swapped.cu", "gemm_tcgen05_bf16_swapped_32x128x64", "29", "680", "544", "3")
STREAMED = ("sm100_swapped.cu", "gemm_tcgen05_bf16_swapped_64x128x64", "60", "424", "544", "-7")
SWAPPED_SCALED = ("sm100_swapped.cu", "gemm_tcgen05_nvfp4_swapped_16x128x256", "16", "424", "2080", "-7")
MXFP4 = ("sm100_scaled.cu", "gemm_tcgen05_mxfp4_256x256x256_pair", "1024", "768", "1536", "1")
# 96 of K an instruction: stages and scales around their rings, in whole groups of eight steps and not.
WIDE = ("sm103_scaled.cu", "gemm_tcgen05_nvfp4_k96_256x256_pair", "1024", "512", "2336", "1")
WIDE_MXFP4 = ("sm103_scaled.cu", "gemm_tcgen05_mxfp4_k96_256x256_pair", "1024", "512", "2336", "1")
# name, what runs, file, text, replacement
MUTANTS = [
    ("original", PAIR, ROLES, None, None),
    ("original, scaled", SCALED, ROLES, None, None),
    ("original, in slices", SLICED, ROLES, None, None),
    ("original, pair streamed", PAIR_STREAMED, ROLES, None, None),
    ("original, streamed", STREAMED, ROLES, None, None),
    ("original, swapped and scaled", SWAPPED_SCALED, ROLES, None, None),
    ("original, mxfp4", MXFP4, ROLES, None, None),
    ("original, wide nvfp4", WIDE, WIDE_ROLES, None, None),
    ("original, wide mxfp4", WIDE_MXFP4, WIDE_ROLES, None, None),
    (
        "full barrier not awaited",
        PAIR,
        ROLES,
        "      ptx::mbarrier_wait(shared.full(place.index), place.parity);\n",
        "",
    ),
    (
        "empty barrier not awaited",
        PAIR,
        ROLES,
        "      ptx::mbarrier_wait(shared.empty(place.index), place.parity ^ 1U);\n      if",
        "      if",
    ),
    (
        "empty phase flipped",
        PAIR,
        ROLES,
        "      ptx::mbarrier_wait(shared.empty(place.index), place.parity ^ 1U);\n      if",
        "      ptx::mbarrier_wait(shared.empty(place.index), place.parity);\n      if",
    ),
    ("bytes of one CTA expected", PAIR, ROLES, "Tile.ctas * Tile.stage_bytes()", "Tile.stage_bytes()"),
    (
        "stage released before it is multiplied",
        PAIR,
        ROLES,
        "      multiply_stage(shared, tensor,",
        "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));\n      multiply_stage(shared, tensor,",
    ),
    (
        "no commit of the accumulator",
        PAIR,
        ROLES,
        "    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index));\n",
        "",
    ),
    (
        "accumulated without a commit",
        PAIR,
        ROLES,
        "    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index));\n",
        "    ptx::mbarrier_arrive_at(shared.accumulated(index), 0);\n"
        "    ptx::mbarrier_arrive_at(shared.accumulated(index), 1);\n",
    ),
    ("accumulator overwritten while it is read", PAIR, ROLES, "    wait_drained(shared, count);\n", ""),
    ("accumulators of the last tile added", PAIR, ROLES, "const bool accumulates = !first || step > 0;", "const bool accumulates = true;"),
    ("B of the other CTA", PAIR, ROLES, "column + static_cast<int>(rank) * Tile.b_rows()", "column"),
    ("drained by one CTA only", PAIR, SHARED, "Tile.ctas * kEpilogueWarps);", "kEpilogueWarps);"),
    ("answer read by one fewer", PAIR, SHARED, "Tile.ctas * (1 + kEpilogueWarps) + 1", "Tile.ctas * (1 + kEpilogueWarps)"),
    ("answer overwritten while it is read", PAIR, SCHEDULE, "    ptx::mbarrier_wait(shared.understood(place.index), place.parity ^ 1U);\n", ""),
    ("tiles of the CTA, not the pair", PAIR, SCHEDULE, "first_cta < 0 ? -1 : first_cta / Tile.ctas", "first_cta"),
    ("accumulator read too early", PAIR, EPILOGUE, "    ptx::mbarrier_wait(shared.accumulated(accumulator), count / kAccumulators & 1U);\n", ""),
    ("no fence after the accumulator's barrier", PAIR, EPILOGUE, "    ptx::tcgen05_after_sync();\n    epilogue.store", "    epilogue.store"),
    ("loads not awaited", PAIR, EPILOGUE, "        ptx::tmem_wait_load();\n", ""),
    ("panel stored without a proxy fence", PAIR, EPILOGUE, "    ptx::fence_async_shared();\n", ""),
    ("panel overwritten while it is stored", PAIR, EPILOGUE, "ptx::tma_store_wait_read<kPanelBuffers - 1>();", ""),
    ("panel not swizzled", PAIR, EPILOGUE, "swizzled_offset<kBankLineBytes>(lane_, chunk)", "static_cast<std::uint32_t>(lane_ * kBankLineBytes + chunk * 16)"),
    ("lanes of another warp", PAIR, EPILOGUE, "warp_ * kWarpSize) << 16", "(warp_ ^ 1) * kWarpSize) << 16"),
    ("tensor memory not freed", PAIR, KERNEL, "    ptx::tmem_free<kTile.ctas>(tensor.base, kTile.tensor_columns());\n", ""),
    ("cluster does not meet before the first copy", PAIR, KERNEL, "  ptx::cluster_sync();  // nobody signals a barrier that does not exist yet\n", "  __syncthreads();\n"),
    ("stride of groups of rows", PAIR, MMA, "1024 >> 4", "512 >> 4"),
    ("no swizzle in the descriptor", PAIR, MMA, "kSwizzle128 = 2;", "kSwizzle128 = 0;"),
    ("scales of the next word", SCALED, ROLES, "const int word = scale / kScalesPerWord;", "const int word = (scale / kScalesPerWord + 1) % Tile.scale_words();"),
    ("scales of the first K-tile only", SCALED, ROLES, "k_tile * Tile.scale_words() * kScaleElements", "0"),
    ("scales of B as A has them", SCALED, ROLES, "(block * Tile.scale_words() + word) * kWord", "(word * Tile.b_scale_blocks() + block) * kWord"),
    ("scales not copied", SCALED, ROLES, "    copy_scales(shared, tensor, stage);\n", ""),
    ("shared columns overwritten while they are read", SCALED, ROLES, "  } else if (count > 0) {", "  } else if (count > 100) {"),
    ("bytes of all columns expected", SLICED, ROLES, " - (Tile.tile_n - columns) * kBankLineBytes", ""),
    ("sums of the last unit added to", SLICED, ROLES, "k_tile == work.first_k_tile", "k_tile == 0"),
    ("swapped loads not awaited", SLICED, SWAPPED_EPILOGUE, "    ptx::tmem_wait_load();\n", ""),
    ("lanes of the first half twice", SLICED, SWAPPED_EPILOGUE, "warp_ * kWarpSize + half * kLoadLanes", "warp_ * kWarpSize"),
    ("tiles not transposed", SLICED, STMATRIX, "x4.trans.shared", "x4.shared"),
    ("swapped panel not swizzled", SLICED, SWAPPED_EPILOGUE, "swizzled_offset<kSwappedRowBytes>(group * kTile + lane_ % kTile, lane_ / kTile)", "(group * kTile + lane_ % kTile) * kSwappedRowBytes + lane_ / kTile * 16"),
    ("swapped panel stored without a proxy fence", SLICED, SWAPPED_EPILOGUE, "    ptx::fence_async_shared();\n", ""),
    ("swapped panel overwritten while it is stored", STREAMED, SWAPPED_EPILOGUE, "ptx::tma_store_wait_read<kPanelBuffers - 1>();", ""),
    ("rows and columns of the result confused", SLICED, SWAPPED_EPILOGUE, "ptx::tma_store_2d(&arguments_.d, row, column, buffer);", "ptx::tma_store_2d(&arguments_.d, column, row, buffer);"),
    ("swapped accumulator overwritten while it is read", SLICED, ROLES, "    wait_drained(shared, count);\n", ""),
    ("arrival before the other lanes have written", PAIR_STREAMED, PIECES, "    __syncwarp();  // this lane's arrival stands for what all lanes wrote\n", ""),
    ("pieces read before the arrivals are seen by all lanes", STREAMED, PIECES, "    __syncwarp();\n    return last;", "    return last;"),
    ("arrivals that order nothing", STREAMED, ATOMIC, "atom.add.acq_rel.gpu", "atom.add.relaxed.gpu"),
    ("the last but one adds", STREAMED, PIECES, "work.pieces - 1)", "work.pieces - 2)"),
    ("nobody adds", SLICED, PIECES, "work.pieces - 1)", "work.pieces)"),
    ("first piece left out", STREAMED, PIECES, "int piece = 0; piece < work.pieces", "int piece = 1; piece < work.pieces"),
    ("pieces of neighbours in one slot", STREAMED, SCHEDULE, ".first_slot = first_cta + number", ".first_slot = first_cta"),
    ("share does not end at the next CTA's", STREAMED, SCHEDULE, ".end_k_tile = min(k_tiles_, end_ - tile_begin)", ".end_k_tile = k_tiles_"),
    ("slices overlap by a K-tile", SLICED, SCHEDULE, "min(k_tiles_, first + arguments_.shared_k_tiles)", "min(k_tiles_, first + arguments_.shared_k_tiles + 1)"),
    ("warps of a tile count in one place", STREAMED, PIECES, "work.number * kWarps + warp_", "work.number * kWarps"),
    ("pieces of the CTAs of a pair in one place", PAIR_STREAMED, EPILOGUE, "static_cast<int>(rank) * kEpilogueWarps + warp, lane_", "warp, lane_"),
    ("the pair's second CTA stores without having read", PAIR_STREAMED, EPILOGUE, "pieces_.put(sums, work, panel);", "if (row % 256 < 128) pieces_.put(sums, work, panel);"),
    ("scales of the columns' first block of K only", SWAPPED_SCALED, ROLES, "k_tile * Tile.scale_words() * kScaleElements", "0"),
    ("shared columns read last", SCALED, EPILOGUE, "Tile.shared_panels() > 0 && accumulator == 0;", "Tile.shared_panels() > 0 && accumulator == 1;"),
    ("mxfp4: scales of the next word", MXFP4, ROLES, "const int word = scale / kScalesPerWord;", "const int word = (scale / kScalesPerWord + 1) % Tile.scale_words();"),
    ("mxfp4: scales of the first half of a word", MXFP4, ROLES, "ptx::with_scale_bytes(instruction, scale % kScalesPerWord)", "instruction"),
    ("mxfp4: scales of B as A has them", MXFP4, ROLES, "(block * Tile.scale_words() + word) * kWord", "(word * Tile.b_scale_blocks() + block) * kWord"),
    ("mxfp4: scales not copied", MXFP4, ROLES, "    copy_scales(shared, tensor, stage);\n", ""),
    ("mxfp4: scales of the first K-tile only", MXFP4, ROLES, "k_tile * Tile.scale_words() * kScaleElements", "0"),
    ("mxfp4: shared columns overwritten while they are read", MXFP4, ROLES, "  } else if (count > 0) {", "  } else if (count > 100) {"),
    ("mxfp4: full barrier not awaited", MXFP4, ROLES, "      ptx::mbarrier_wait(shared.full(place.index), place.parity);\n", ""),
    ("mxfp4: stage released before it is multiplied", MXFP4, ROLES, "      multiply_stage(shared, tensor,", "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));\n      multiply_stage(shared, tensor,"),
]
# Of both kinds that multiply 96 of K: name, file, text, replacement.
WIDE_MUTANTS = [
    ("the second stage of a step not awaited", WIDE_ROLES, "if (step.ends_in_next()) {", "if (false) {"),
    ("a step ends in its own stage", WIDE_ROLES, "step.ends_in_next() ? place.index : first;", "first;"),
    ("a stage released before the step that leaves it", WIDE_ROLES, "        const std::uint32_t last = ", "        if (step.leaves_stage()) {\n          ptx::tcgen05_commit<Tile.ctas>(shared.empty(first));\n        }\n        const std::uint32_t last = "),
    ("the second stage of a step released with the first", WIDE_ROLES, "ptx::tcgen05_commit<Tile.ctas>(shared.empty(first));", "ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));"),
    ("the last stage not released", WIDE_ROLES, "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));\n      place.advance();", "      place.advance();"),
    ("steps of 32 bytes", WIDE_ROLES, "index * kWideStepBytes % kBankLineBytes", "index * kStepBytes % kBankLineBytes"),
    ("scales not awaited", WIDE_ROLES, "          wait_full(shared.scales_full(scales.index), scales.parity);\n", ""),
    ("scales copied over while they are copied out", WIDE_ROLES, "shared_.scales_empty(scales_.index), scales_.parity,", "shared_.scales_empty(scales_.index), scales_.parity ^ 1U,"),
    ("scales released before they are copied out", WIDE_ROLES, "          copy_scales(shared, tensor, scales.index);\n          ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index));\n", "          ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index));\n          copy_scales(shared, tensor, scales.index);\n"),
    ("scales of the first byte", WIDE_ROLES, "scale % kScalesPerWord)", "0)"),
    ("scales of one stage for all", WIDE_ROLES, "loader.scales(scale_stages++, row, column);", "loader.scales(0, row, column);"),
    ("bytes of one CTA expected", WIDE_ROLES, "Tile.ctas * bytes", "bytes"),
    ("one step too few", WIDE_ROLES, "(arguments.k + Tile.step_k() - 1) / Tile.step_k()", "arguments.k / Tile.step_k()"),
    ("the leading offset is relative", MMA, "kDescriptorVersion | kAbsoluteLeading | kSwizzle128", "kDescriptorVersion | kSwizzle128"),
    ("64 of K an instruction", WIDE_ROLES, "arguments.instruction | ptx::kInstructionK96", "arguments.instruction"),
]
MUTANTS += [
    (f"{kind}: {name}", run, *change)
    for kind, run in (("wide nvfp4", WIDE), ("wide mxfp4", WIDE_MXFP4))
    for name, *change in WIDE_MUTANTS
]
# What the emulator does not see yet; see README.md.
NOT_FOUND = {
    "pieces read before the arrivals are seen by all lanes": "what one lane acquires counts for its warp, and every .sync instruction orders its lanes (emulator/check/detector.hpp)",
}


if __name__ == "__main__":
    # Four SMs: every pair computes several tiles.
    rack = mutants.rack(sys.argv[1], "gb300-nvl72", multiprocessors=4)
    for architecture, title in (("100f", "GEMM, sm_100f"), ("103a", "GEMM, sm_103a: 96 of K")):
        is_wide = architecture == "103a"
        mutants.check(
            mutants.Kernels(architecture, COPIED, rack, NOT_FOUND, title),
            [
                mutants.Mutant(name, FOLDER + unit, tuple(arguments), file, text, replacement)
                for name, (unit, *arguments), file, text, replacement in MUTANTS
                if (unit == "sm103_scaled.cu") == is_wide
            ],
        )
