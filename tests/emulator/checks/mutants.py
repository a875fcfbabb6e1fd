#!/usr/bin/env python3
"""Breaks the emulator's checks, the order of graphs and the scheduling of grids; expects the tests to notice.

    mutants.py <source folder> <work folder> [--texts | <part of a mutant's name>]

The work folder gets a copy of the sources and a build of its own, which holds all mutants at once: each is one
place that behaves otherwise when RACKPROOF_MUTANT names its number. One of the tests has to fail then. Ends with
an error if a mutant survives, or if a test fails without any. With --texts nothing is built: the sources are
searched for what the mutants change.
"""

import os
import pathlib
import shutil
import subprocess
import sys
from typing import NamedTuple

PLANTED = "emulator/checks/emulator_planted_test"
DETECTOR = "emulator/checks/emulator_check_test"
DEVICE = "emulator/api/emulator_device_test"
EXECUTOR = "emulator/exec/emulator_exec_test"
RUNTIME = "emulator/api/emulator_runtime_test"
TENSOR = "emulator/tensor/emulator_tensor_test"
PARTS = "runtime;kernels;collectives;harness;emulator;tests"
LONGEST_TEST_S = 60
CHOICE = """#pragma once
#include <cstdlib>
/// Is this the mutant that RACKPROOF_MUTANT names?
inline bool is_mutant(int number) {
  static const char* const chosen = std::getenv("RACKPROOF_MUTANT");
  return chosen != nullptr && std::atoi(chosen) == number;
}
"""


class Mutant(NamedTuple):
    name: str
    file: str
    text: str
    replacement: str  # $: this mutant is chosen
    tests: tuple = (DETECTOR, PLANTED)


def without(statement):
    return f"if (!$) {{ {statement} }}"


CHECK = "emulator/check/"
ENGINE = "emulator/engine/"
EXEC = "emulator/exec/"
TENSORS = "emulator/tensor/"

MUTANTS = [
    # Which copies, fills and grids are ordered.
    Mutant(
        "gaps_between_rows_count",
        CHECK + "detector.cpp",
        "return offset < row_bytes ||",
        "return $ || offset < row_bytes ||",
    ),
    Mutant(
        "grids_are_ordered",
        CHECK + "detector.cpp",
        "if (!order.follows(other->order)) {",
        "if (!$ && !order.follows(other->order)) {",
    ),
    Mutant(
        "grids_ignore_ranges",
        CHECK + "detector.cpp",
        "grid->meets_ranges || !order.follows(range.order)",
        "grid->meets_ranges || (!$ && !order.follows(range.order))",
    ),
    Mutant(
        "ranges_never_meet",
        CHECK + "detector.cpp",
        "access.meets(range) &&",
        "!$ && access.meets(range) &&",
    ),
    Mutant(
        "freed_ranges_remembered",
        CHECK + "detector.cpp",
        "std::string Detector::range_access(RangeAccess access) {\n  apply_forgotten();",
        "std::string Detector::range_access(RangeAccess access) {\n  if (!$) apply_forgotten();",
    ),
    Mutant(
        "waited_copies_kept",
        CHECK + "detector.cpp",
        "&& !access.precedes_later",
        "&& ($ || !access.precedes_later)",
    ),
    Mutant(
        "ranges_ignore_grids",
        CHECK + "detector.cpp",
        "!access.order.follows(grid->order)) {",
        "!$ && !access.order.follows(grid->order)) {",
    ),
    Mutant(
        "crossing_copies_race",
        CHECK + "detector.cpp",
        "!access.crosses(range) &&",
        "($ || !access.crosses(range)) &&",
    ),
    # What the program's own code does to memory that devices work on.
    Mutant(
        "pages_stay_open",
        ENGINE + "executor.cpp",
        "host_pages_.close();",
        without("host_pages_.close();"),
    ),
    Mutant(
        "pages_stay_lent",
        ENGINE + "executor.cpp",
        "host_pages_.close_again();",
        without("host_pages_.close_again();"),
    ),
    Mutant(
        "results_may_be_read",
        ENGINE + "host_pages.cpp",
        "range.is_readable ? PROT_READ",
        "$ || range.is_readable ? PROT_READ",
    ),
    Mutant(
        "sources_may_be_written",
        ENGINE + "transfer.cpp",
        "core.memory().watch_copy(source, shape.width_bytes, false);",
        without("core.memory().watch_copy(source, shape.width_bytes, false);"),
    ),
    Mutant(
        "host_signals_race",
        CHECK + "detector.hpp",
        "(range.by_host && grid.meets_host)",
        "(!$ && range.by_host && grid.meets_host)",
    ),
    Mutant(
        "destroyed_streams_forgotten",
        ENGINE + "executor_waits.cpp",
        "if (unknown.device == &device) {",
        "if (!$ && unknown.device == &device) {",
    ),
    Mutant(
        "nodes_are_ordered",
        CHECK + "operation_order.hpp",
        "earlier_nodes->contains(other.node)",
        "($ || earlier_nodes->contains(other.node))",
    ),
    Mutant(
        "streams_never_ordered",
        CHECK + "operation_order.hpp",
        "return before.knows(other.stream, other.sequence);",
        "return !$ && before.knows(other.stream, other.sequence);",
    ),
    Mutant(
        "dependency_forgotten",
        ENGINE + "graph/run.cpp",
        "earlier->join(*before.ended);",
        without("earlier->join(*before.ended);"),
    ),
    Mutant(
        "nested_graph_forgotten",
        ENGINE + "graph/run.cpp",
        "node.ended->join(nested->ended());",
        without("node.ended->join(nested->ended());"),
    ),
    Mutant(
        "node_itself_forgotten",
        ENGINE + "graph/run.cpp",
        "node.ended->insert(node.number);",
        without("node.ended->insert(node.number);"),
    ),
    Mutant(
        "outer_nodes_forgotten",
        ENGINE + "graph/run.cpp",
        "earlier->join(*order().earlier_nodes);",
        without("earlier->join(*order().earlier_nodes);"),
    ),
    Mutant(
        "nodes_share_a_number",
        ENGINE + "graph/run.cpp",
        "place.node = ++*numbers_;",
        "place.node = $ ? 1 : ++*numbers_;",
    ),
    Mutant(
        "pageable_copies_unchecked",
        ENGINE + "transfer_checks.cpp",
        "if (!copy.is_from_pageable) {\n    message = check_box(",
        "if (!$ && !copy.is_from_pageable) {\n    message = check_box(",
    ),
    # Whose memory it is.
    Mutant(
        "every_device_has_access",
        EXEC + "grid_context.cpp",
        "if ((hit->accessing_devices >> config.device & 1U) == 0) {",
        "if (!$ && (hit->accessing_devices >> config.device & 1U) == 0) {",
    ),
    Mutant(
        "access_never_revoked",
        ENGINE + "virtual_memory.cpp",
        "(entry.access | granted) & ~revoked",
        "$ ? entry.access | granted : (entry.access | granted) & ~revoked",
    ),
    Mutant(
        "pool_access_ignored",
        ENGINE + "memory_pool.cpp",
        "let_in(address, entry);",
        without("let_in(address, entry);"),
    ),
    Mutant(
        "no_guard_behind_allocations",
        ENGINE + "device_heap.cpp",
        "charged + std::max(charged, kLeastGuard);",
        "charged + ($ ? kScarceGuard : std::max(charged, kLeastGuard));",
    ),
    # Who still makes progress.
    Mutant(
        "host_always_waits",
        ENGINE + "executor_loop.cpp",
        "return !shares_memory_.load()",
        "if ($) { return true; }\n  return !shares_memory_.load()",
    ),
    Mutant(
        "host_never_waits",
        ENGINE + "executor_loop.cpp",
        "&& host_is_waiting();",
        "&& !$ && host_is_waiting();",
    ),
    Mutant(
        "unstarted_ctas_forgotten",
        EXEC + "grid.cpp",
        "const bool all_run = window_ >= limit_ ||",
        "const bool all_run = $ || window_ >= limit_ ||",
        (EXECUTOR,),
    ),
    Mutant(
        "skipped_time_lost",
        EXEC + "grid.cpp",
        "clock_ += executed + skipped;",
        "clock_ += executed + ($ ? 0 : skipped);",
    ),
    Mutant(
        "state_without_registers",
        EXEC + "warp_sync.cpp",
        "return hash_words(registers_.data(), registers_.size(), places);",
        "return $ ? places : hash_words(registers_.data(), registers_.size(), places);",
    ),
    Mutant(
        "writing_is_changing",
        EXEC + "memory_access.hpp",
        "before = before || old.differs();",
        "before = $ || before || old.differs();",
    ),
    # Barriers and warp-wide instructions.
    Mutant(
        "two_barriers_in_a_warp",
        EXEC + "warp_sync.cpp",
        "if (is_aligned && group.pc - 1 != pc) {",
        "if (!$ && is_aligned && group.pc - 1 != pc) {",
    ),
    Mutant(
        "passing_by_forgotten",
        EXEC + "divergent_barrier.hpp",
        "passed_by_ |= is_released_ ? 0",
        "passed_by_ |= $ || is_released_ ? 0",
    ),
    Mutant(
        "writes_behind_a_barrier",
        EXEC + "divergent_barrier.hpp",
        "return is_known && (lanes & waiting_) != 0;",
        "return !$ && is_known && (lanes & waiting_) != 0;",
    ),
    Mutant(
        "lanes_astray_unfollowed",
        EXEC + "ops_warp.cpp",
        "if (astray == 0 || ",
        "if ($ || astray == 0 || ",
    ),
    Mutant(
        "bar_is_not_aligned",
        EXEC + "decode_control.cpp",
        'modifiers.take("aligned") || kIsBar;',
        'modifiers.take("aligned") || (!$ && kIsBar);',
    ),
    # Clusters and mbarriers.
    Mutant(
        "init_seen_by_all",
        EXEC + "mbarrier_inits.cpp",
        "if (!init.is_in(warp.cta()",
        "if (!$ && !init.is_in(warp.cta()",
    ),
    Mutant(
        "init_fence_does_nothing",
        EXEC + "mbarrier_inits.cpp",
        "(fenced == warps_.end() || !init.is_in(",
        "($ || fenced == warps_.end() || !init.is_in(",
    ),
    Mutant(
        "init_fenced_by_nobody",
        EXEC + "mbarrier_inits.cpp",
        "inits_[address] = init;",
        "inits_[address] = init;\n    if ($) { fence(warp); }",
    ),
    Mutant(
        "relaxed_arrivals_carry_nothing",
        EXEC + "cluster_barrier.cpp",
        "} else if (checker != nullptr) {",
        "} else if (checker != nullptr && !$) {",
        (EXECUTOR,),
    ),
    Mutant(
        "exit_unchecked",
        EXEC + "shared_uses.cpp",
        "if (use.home != home.rank() ||",
        "if ($ || use.home != home.rank() ||",
    ),
    Mutant(
        "exit_ignores_relaxed_barriers",
        EXEC + "shared_uses.cpp",
        "use.phase <= phase) {",
        "(!$ && use.phase <= phase)) {",
    ),
    Mutant(
        "arriving_is_waiting",
        EXEC + "cluster_barrier.cpp",
        "uses_.check_exit(cta, waited_phases_[cta.rank()]);",
        "uses_.check_exit(cta, $ ? phases_ + 1 : waited_phases_[cta.rank()]);",
    ),
    Mutant(
        "copies_outlive_their_destination",
        EXEC + "shared_uses.cpp",
        "if (const auto access = checker->in_flight_from_others()) {",
        "if (const auto access = checker->in_flight_from_others(); access && !$) {",
    ),
    # Tensor memory.
    Mutant(
        "fence_after_not_demanded",
        EXEC + "tensor_tracking.cpp",
        "touch(has_fence ? seen",
        "touch(has_fence && !$ ? seen",
        (EXECUTOR,),
    ),
    Mutant(
        "fence_before_demands_nothing",
        EXEC + "tensor_tracking.cpp",
        "|| kernel.has_tensor_fence_before",
        "|| (!$ && kernel.has_tensor_fence_before)",
        (EXECUTOR,),
    ),
    Mutant(
        "commit_forgets_earlier_ones",
        EXEC + "ops_tcgen05_async.cpp",
        "for (const auto& each : unfinished) {\n        record->add(each);\n      }",
        "for (const auto& each : unfinished) {\n        record->add(each);\n      }\n"
        "      if ($) { unfinished.clear(); }",
        (EXECUTOR,),
    ),
    Mutant(
        "copies_of_scales_differ",
        TENSORS + "tensor_operands.cpp",
        "if (memory.first_unwritten(other, cell, 1) == kTensorColumns &&",
        "if (!$ && memory.first_unwritten(other, cell, 1) == kTensorColumns &&",
        (TENSOR,),
    ),
]


def planted_in(source):
    """The files that mutants change, with all mutants in them."""
    planted = {"is_mutant.hpp": CHOICE}
    for number, mutant in enumerate(MUTANTS):
        original = (source / mutant.file).read_text()
        content = planted.get(mutant.file, f'#include "is_mutant.hpp"\n{original}')
        if original.count(mutant.text) != 1 or content.count(mutant.text) != 1:
            sys.exit(f"{mutant.name}: {mutant.file} does not hold its text once")
        planted[mutant.file] = content.replace(mutant.text, mutant.replacement.replace("$", f"is_mutant({number})"))
    return planted


def plant(source, copy):
    """Copies the sources, with all mutants in them; files that are as they were are not touched."""
    planted = planted_in(source)

    def left_out(folder, names):
        inner = pathlib.Path(folder).relative_to(source)
        return [name for name in names if name in ("build", ".git") or str(inner / name) in planted]

    shutil.copytree(source, copy, dirs_exist_ok=True, ignore=left_out)
    for file, content in planted.items():
        if not (copy / file).exists() or (copy / file).read_text() != content:
            (copy / file).write_text(content)


def build(copy, tests):
    configure = ["cmake", "-G", "Ninja", "-S", copy, "-B", copy / "build", "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run([*configure, f"-DRACKPROOF_PARTS={PARTS}"], check=True, stdout=subprocess.DEVNULL)
    targets = ["emulator_cudart", "emulator_cuda"] + [pathlib.PurePath(test).name for test in tests]
    built = subprocess.run(["ninja", "-C", copy / "build", *targets], capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(built.stdout[-4000:])


def first_failure(copy, test, number):
    """What fails first when a mutant is chosen (-1: none); None if nothing does."""
    environment = dict(
        os.environ, LD_LIBRARY_PATH=str(copy / "build/emulator"), RACKPROOF_MUTANT=str(number)
    )
    command = [copy / "build/tests" / test, "--gtest_fail_fast"]
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=LONGEST_TEST_S
        )
    except subprocess.TimeoutExpired:
        return f"{test} does not end"
    if ended.returncode == 0:
        return None
    failed = [line.split()[3] for line in ended.stdout.splitlines() if line.startswith("[  FAILED  ] ")]
    return failed[0] if failed else f"{test} ends with {ended.returncode}"


def main():
    source, copy = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    part = sys.argv[3] if len(sys.argv) > 3 else ""
    if part == "--texts":
        planted_in(source)
        return
    plant(source, copy)
    tests = sorted({test for mutant in MUTANTS for test in mutant.tests})
    build(copy, tests)
    for test in tests:
        if (failure := first_failure(copy, test, -1)) is not None:
            sys.exit(f"without a mutant: {failure}")
    survivors = []
    for number, mutant in enumerate(MUTANTS):
        if part not in mutant.name:
            continue
        found = next(filter(None, (first_failure(copy, test, number) for test in mutant.tests)), None)
        print(f"{mutant.name}: {found or 'nobody notices'}", flush=True)
        if found is None:
            survivors.append(mutant.name)
    if survivors:
        sys.exit("not noticed: " + ", ".join(survivors))


if __name__ == "__main__":
    main()
