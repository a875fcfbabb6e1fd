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
COPIES = FOLDER + "sm100_copies.cuh"
CLUSTER = FOLDER + "sm100_cluster.cuh"
PANELS = FOLDER + "sm100_panels.cuh"
CONFIG = FOLDER + "sm100_config.hpp"
SWAPPED_EPILOGUE = FOLDER + "sm100_swapped_epilogue.cuh"
PIECES = FOLDER + "sm100_pieces.cuh"
MMA = "kernels/ptx/tcgen05_mma.cuh"
TMEM = "kernels/ptx/tcgen05.cuh"
STMATRIX = "kernels/ptx/stmatrix.cuh"
ATOMIC = "kernels/ptx/atomic.cuh"
COPIED = (
    ROLES, WIDE_ROLES, COPIES, CLUSTER, SHARED, SCHEDULE, EPILOGUE, SWAPPED_EPILOGUE, PANELS, PIECES, KERNEL, CONFIG, MMA, TMEM, STMATRIX, ATOMIC
) + tuple(FOLDER + name for name in ("sm100_describe.cuh", "sm100_dense.cu", "sm100_scaled.cu", "sm100_swapped.cu", "sm103_scaled.cu"))
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
# Two pairs that share B: several clusters of tiles each.
PAIRS = ("sm100_dense.cu", "gemm_tcgen05_bf16_512x256x64_two_pairs", "1024", "512", "832", "1")
# Many tiles of one K-tile: answers of the scheduler around their ring.
SHALLOW_PAIRS = ("sm100_dense.cu", "gemm_tcgen05_bf16_512x256x64_two_pairs", "2048", "1024", "64", "1")
WIDE_PAIRS = ("sm103_scaled.cu", "gemm_tcgen05_nvfp4_k96_512x256_two_pairs", "1024", "512", "2336", "1")
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
        COPIES,
        "    ptx::mbarrier_wait(empty, parity ^ 1U);\n",
        "",
    ),
    (
        "empty phase flipped",
        PAIR,
        COPIES,
        "    ptx::mbarrier_wait(empty, parity ^ 1U);\n",
        "    ptx::mbarrier_wait(empty, parity);\n",
    ),
    ("bytes of one CTA expected", PAIR, ROLES, "Tile.ctas * Tile.stage_bytes()", "Tile.stage_bytes()"),
    (
        "stage released before it is multiplied",
        PAIR,
        ROLES,
        "      multiply_stage(shared, tensor,",
        "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index), cta.kEveryCta);\n      multiply_stage(shared, tensor,",
    ),
    (
        "no commit of the accumulator",
        PAIR,
        ROLES,
        "    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index), cta.own_group());\n",
        "",
    ),
    (
        "accumulated without a commit",
        PAIR,
        ROLES,
        "    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index), cta.own_group());\n",
        "    ptx::mbarrier_arrive_at(shared.accumulated(index), 0);\n"
        "    ptx::mbarrier_arrive_at(shared.accumulated(index), 1);\n",
    ),
    ("accumulator overwritten while it is read", PAIR, ROLES, "    wait_drained(shared, count);\n", ""),
    ("accumulators of the last tile added", PAIR, ROLES, "const bool accumulates = !first || step > 0;", "const bool accumulates = true;"),
    ("B of the other CTA", PAIR, COPIES, "column_ + static_cast<int>(cta_.part()) * Tile.b_rows()", "column_"),
    ("drained by one CTA only", PAIR, SHARED, "Tile.ctas * kEpilogueWarps);", "kEpilogueWarps);"),
    ("answer read by one fewer", PAIR, SHARED, "Tile.cluster_ctas() * (1 + kEpilogueWarps) + Tile.groups", "Tile.cluster_ctas() * (1 + kEpilogueWarps)"),
    ("answer overwritten while it is read", PAIR, SCHEDULE, "    ptx::mbarrier_wait(shared.understood(place.index), place.parity ^ 1U);\n", ""),
    ("tiles of the CTA, not the pair", PAIR, SCHEDULE, "first_cta < 0 ? -1 : first_cta / Tile.cluster_ctas()", "first_cta"),
    ("accumulator read too early", PAIR, KERNEL, "    ptx::mbarrier_wait(shared.accumulated(accumulator), count / kAccumulators & 1U);\n", ""),
    ("no fence after the accumulator's barrier", PAIR, KERNEL, "    ptx::tcgen05_after_sync();\n    epilogue.store", "    epilogue.store"),
    ("loads not awaited", PAIR, EPILOGUE, "        ptx::tmem_wait_load();\n", ""),
    ("panel stored without a proxy fence", PAIR, PANELS, "    ptx::fence_async_shared();\n", ""),
    ("panel overwritten while it is stored", PAIR, PANELS, "ptx::tma_store_wait_read<kPanelBuffers - 1>();", ""),
    ("panel not swizzled", PAIR, EPILOGUE, "swizzled_offset<kBankLineBytes>(lane_, chunk)", "static_cast<std::uint32_t>(lane_ * kBankLineBytes + chunk * 16)"),
    ("lanes of another warp", PAIR, EPILOGUE, "warp_ * kWarpSize) << 16", "(warp_ ^ 1) * kWarpSize) << 16"),
    ("tensor memory not freed", PAIR, KERNEL, "    ptx::tmem_free<kTile.ctas>(tensor.base, kTile.tensor_columns());\n", ""),
    ("cluster does not meet before the first copy", PAIR, KERNEL, "  ptx::cluster_sync();  // nobody signals a barrier that does not exist yet\n", "  __syncthreads();\n"),
    ("stride of groups of rows", PAIR, MMA, "1024 >> 4", "512 >> 4"),
    ("no swizzle in the descriptor", PAIR, MMA, "std::uint64_t{2} << 61", "std::uint64_t{0} << 61"),
    ("scales of the next word", SCALED, ROLES, "const int word = scale / kScalesPerWord;", "const int word = (scale / kScalesPerWord + 1) % Tile.scale_words();"),
    ("scales of the first K-tile only", SCALED, COPIES, "const int k = number * kStageElements;", "const int k = 0;"),
    ("scales of B as A has them", SCALED, ROLES, "(block * Tile.scale_words() + word) * kWord", "(word * Tile.b_scale_blocks() + block) * kWord"),
    ("scales not copied", SCALED, ROLES, "    copy_scales(shared, tensor, stage);\n", ""),
    ("shared columns overwritten while they are read", SCALED, ROLES, "  } else if (count > 0) {", "  } else if (count > 100) {"),
    ("bytes of all columns expected", SLICED, ROLES, " - missing_columns * kBankLineBytes", ""),
    ("sums of the last unit added to", SLICED, ROLES, "k_tile == work.first_k_tile", "k_tile == 0"),
    ("swapped loads not awaited", SLICED, SWAPPED_EPILOGUE, "    ptx::tmem_wait_load();\n", ""),
    ("lanes of the first half twice", SLICED, SWAPPED_EPILOGUE, "warp_ * kWarpSize + half * kLoadLanes", "warp_ * kWarpSize"),
    ("tiles not transposed", SLICED, STMATRIX, "x4.trans.shared", "x4.shared"),
    ("swapped panel not swizzled", SLICED, SWAPPED_EPILOGUE, "swizzled_offset<kSwappedRowBytes>(group * kTile + lane_ % kTile, lane_ / kTile)", "(group * kTile + lane_ % kTile) * kSwappedRowBytes + lane_ / kTile * 16"),
    ("swapped panel stored without a proxy fence", SLICED, PANELS, "    ptx::fence_async_shared();\n", ""),
    ("swapped panel overwritten while it is stored", STREAMED, PANELS, "ptx::tma_store_wait_read<kPanelBuffers - 1>();", ""),
    ("rows and columns of the result confused", SLICED, SWAPPED_EPILOGUE, "panels_.store(buffer, row, column);", "panels_.store(buffer, column, row);"),
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
    ("pieces of the CTAs of a pair in one place", PAIR_STREAMED, EPILOGUE, "static_cast<int>(cta.rank) * kEpilogueWarps + warp, lane_", "warp, lane_"),
    ("the pair's second CTA stores without having read", PAIR_STREAMED, EPILOGUE, "pieces_.put(sums, work, panel);", "if (row % 256 < 128) pieces_.put(sums, work, panel);"),
    ("scales of the columns' first block of K only", SWAPPED_SCALED, COPIES, "const int k = number * kStageElements;", "const int k = 0;"),
    ("shared columns read last", SCALED, EPILOGUE, "Tile.shared_panels() > 0 && accumulator == 0;", "Tile.shared_panels() > 0 && accumulator == 1;"),
    ("mxfp4: scales of the next word", MXFP4, ROLES, "const int word = scale / kScalesPerWord;", "const int word = (scale / kScalesPerWord + 1) % Tile.scale_words();"),
    ("mxfp4: scales of the first half of a word", MXFP4, ROLES, "ptx::with_scale_bytes(instruction, scale % kScalesPerWord)", "instruction"),
    ("mxfp4: scales of B as A has them", MXFP4, ROLES, "(block * Tile.scale_words() + word) * kWord", "(word * Tile.b_scale_blocks() + block) * kWord"),
    ("mxfp4: scales not copied", MXFP4, ROLES, "    copy_scales(shared, tensor, stage);\n", ""),
    ("mxfp4: scales of the first K-tile only", MXFP4, COPIES, "const int k = number * kStageElements;", "const int k = 0;"),
    ("mxfp4: shared columns overwritten while they are read", MXFP4, ROLES, "  } else if (count > 0) {", "  } else if (count > 100) {"),
    ("mxfp4: full barrier not awaited", MXFP4, ROLES, "      ptx::mbarrier_wait(shared.full(place.index), place.parity);\n", ""),
    ("mxfp4: stage released before it is multiplied", MXFP4, ROLES, "      multiply_stage(shared, tensor,", "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index), cta.kEveryCta);\n      multiply_stage(shared, tensor,"),
]
# Of both kinds that multiply 96 of K: name, file, text, replacement.
WIDE_MUTANTS = [
    ("the second stage of a step not awaited", WIDE_ROLES, "if (step.ends_in_next()) {", "if (false) {"),
    ("a step ends in its own stage", WIDE_ROLES, "step.ends_in_next() ? place.index : first;", "first;"),
    ("a stage released before the step that leaves it", WIDE_ROLES, "      const std::uint32_t last = ", "      if (step.leaves_stage()) {\n        ptx::tcgen05_commit<Tile.ctas>(shared.empty(first), cta.kEveryCta);\n      }\n      const std::uint32_t last = "),
    ("the second stage of a step released with the first", WIDE_ROLES, "shared.empty(first), cta.kEveryCta", "shared.empty(place.index), cta.kEveryCta"),
    ("the last stage not released", WIDE_ROLES, "      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index), cta.kEveryCta);\n      place.advance();", "      place.advance();"),
    ("steps of 32 bytes", WIDE_ROLES, "index * kWideStepBytes % kBankLineBytes", "index * kStepBytes % kBankLineBytes"),
    ("scales not awaited", WIDE_ROLES, "        wait_full(shared.scales_full(scales.index), scales.parity);\n", ""),
    ("scales copied over while they are copied out", WIDE_ROLES, "shared_.scales_empty(scales_.index), scales_.parity,", "shared_.scales_empty(scales_.index), scales_.parity ^ 1U,"),
    ("scales released before they are copied out", WIDE_ROLES, "        copy_scales(shared, tensor, scales.index);\n        ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index), cta.kEveryCta);\n", "        ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index), cta.kEveryCta);\n        copy_scales(shared, tensor, scales.index);\n"),
    ("scales of the first byte", WIDE_ROLES, "scale % kScalesPerWord)", "0)"),
    ("scales of one stage for all", WIDE_ROLES, "loader.scales(scale_stages++);", "loader.scales(0);"),
    ("bytes of one CTA expected", WIDE_ROLES, "Tile.ctas * Tile.stage_bytes()", "Tile.stage_bytes()"),
    ("one step too few", WIDE_ROLES, "(arguments.k + Tile.step_k() - 1) / Tile.step_k()", "arguments.k / Tile.step_k()"),
    ("the leading offset is relative", MMA, "<< 16 | kAbsoluteLeading |", "<< 16 |"),
    ("64 of K an instruction", WIDE_ROLES, "arguments.instruction | ptx::kInstructionK96", "arguments.instruction"),
]
# Of two pairs that share B: name, what runs, file, text, replacement.
MUTANTS += [
    ("original, two pairs", PAIRS, COPIES, None, None),
    ("two pairs: a stage released by one pair for both", PAIRS, SHARED, "mbarrier_init(empty(stage), Tile.groups)", "mbarrier_init(empty(stage), 1)"),
    ("two pairs: a stage released to the own pair only", PAIRS, ROLES, "shared.empty(place.index), cta.kEveryCta", "shared.empty(place.index), cta.own_group()"),
    ("two pairs: sums of the first pair told to all", PAIRS, ROLES, "shared.accumulated(index), cta.own_group()", "shared.accumulated(index), cta.kEveryCta"),
    ("two pairs: B copied to the own pair only", PAIRS, CLUSTER, "1U : 1U | 1U << Tile.ctas;", "1U : 1U;"),
    ("two pairs: the same half of B by both", PAIRS, COPIES, "k, b_row + first,", "k, b_row,"),
    ("two pairs: both halves of B in one place", PAIRS, COPIES, "shared_.b(stage) + first * kBankLineBytes", "shared_.b(stage)"),
    ("two pairs: B of the other CTA of the pair", PAIRS, CLUSTER, "kFirstParts << part()", "kFirstParts << (part() ^ 1)"),
    ("two pairs: copies of the second pair counted in the first", PAIRS, COPIES, "ptx::cluster_address(full, cta_.leader())", "ptx::cluster_address(full, 0)"),
    ("two pairs: rows of the first pair twice", PAIRS, COPIES, "static_cast<int>(cta_.rank) * kCtaRows", "static_cast<int>(cta_.part()) * kCtaRows"),
    ("two pairs: the first pair's accumulator drained by both", PAIRS, CLUSTER, "    return group() * Tile.ctas;", "    return 0;"),
    ("two pairs: answer read by one multiplier fewer", SHALLOW_PAIRS, SHARED, "(1 + kEpilogueWarps) + Tile.groups;", "(1 + kEpilogueWarps) + 1;"),
    ("two pairs: answer told to the first pair only", PAIRS, SCHEDULE, "cta < Tile.cluster_ctas(); ++cta", "cta < Tile.ctas; ++cta"),
    ("two pairs: CTAs end without meeting", PAIRS, KERNEL, "  ptx::cluster_sync();  // nobody signals a CTA that has ended; all tensor memory has been read\n", "  __syncthreads();\n"),
    ("original, two pairs, shallow", SHALLOW_PAIRS, COPIES, None, None),
    ("original, two wide pairs", WIDE_PAIRS, COPIES, None, None),
    ("two wide pairs: both pairs copy B's scales", WIDE_PAIRS, COPIES, "static_cast<std::uint32_t>(number) % Tile.groups == cta_.group()", "true"),
    ("two wide pairs: no pair copies every other scales of B", WIDE_PAIRS, COPIES, "static_cast<std::uint32_t>(number) % Tile.groups == cta_.group()", "number % 2 == 0 && cta_.group() == 0"),
    ("two wide pairs: B's scales to the own pair only", WIDE_PAIRS, COPIES, "ClusterPlace<Tile>::kEveryCta", "cta_.own_group()"),
    ("two wide pairs: blocks of B's scales exchanged", WIDE_PAIRS, COPIES, "b_block + static_cast<int>(block)", "b_block + static_cast<int>(block ^ 1)"),
    ("two wide pairs: scales released by one pair for both", WIDE_PAIRS, SHARED, "mbarrier_init(scales_empty(stage), Tile.groups)", "mbarrier_init(scales_empty(stage), 1)"),
    ("two wide pairs: a stage released to the own pair only", WIDE_PAIRS, WIDE_ROLES, "shared.empty(first), cta.kEveryCta", "shared.empty(first), cta.own_group()"),
]
MUTANTS += [
    (f"{kind}: {name}", run, *change)
    for kind, run in (("wide nvfp4", WIDE), ("wide mxfp4", WIDE_MXFP4))
    for name, *change in WIDE_MUTANTS
]
# What the emulator does not see yet; see README.md.
BEHIND_THE_OPERANDS = "equivalent: the ring of operands is shorter in K, so its commits hold the loader back until the scales are copied out"
NOT_FOUND = {
    "two pairs: CTAs end without meeting": "copies have arrived by then; only arrivals come late (an answer understood, an accumulator drained), and published kernels end so",
    "wide nvfp4: scales released before they are copied out": BEHIND_THE_OPERANDS,
    "wide mxfp4: scales released before they are copied out": BEHIND_THE_OPERANDS,
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
