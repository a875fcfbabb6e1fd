"""Every sample record is valid against the shipped schema, and wrong documents are not.

usage: check_schema.py SOURCE_FOLDER SAMPLES_FOLDER; exit code 77: cannot be checked here.
"""

import copy
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed (apt install python3-jsonschema)")
    sys.exit(77)


def at(document, *path):
    """The node of the document that the path leads to."""
    for key in path:
        document = document[key]
    return document


def put(*path_and_value):
    """A change of a document: sets the node at the path."""
    *path, last, value = path_and_value

    def change(document):
        at(document, *path)[last] = value

    return change


def drop(*path):
    """A change of a document: removes the node at the path."""
    *parents, last = path

    def change(document):
        del at(document, *parents)[last]

    return change


GPU = ("benchmarks", 0, "gpus", 0)
LAST = ("benchmarks", -1)  # has the wrong result
SKIPPED = ("benchmarks", -2)  # was not run

WRONG = {
    "throughput without basis": drop(*GPU, "throughput", "basis"),
    "throughput without unit": drop(*GPU, "throughput", "unit"),
    "throughput as a bare number": put(*GPU, "throughput", 1.5),
    "unknown unit": put(*GPU, "throughput", "unit", "GFLOPS"),
    "unknown basis": put(*GPU, "throughput", "basis", "guessed"),
    "NaN as a text": put(*GPU, "throughput", "value", "NaN"),
    "number as a text": put(*GPU, "throughput", "value", "1846"),
    "null inside a figure": put(*GPU, "throughput", "value", None),
    "negative rate": put(*GPU, "throughput", "value", -1),
    "null without a reason": put("software", "nccl", None),
    "value beside a reason": put("software", "nccl_reason", "none"),
    "reason removed": drop("software", "cublaslt_reason"),
    "empty reason": put("software", "cublaslt_reason", ""),
    "rack model null without a reason": put("rack_model", None),
    "node figure null without a reason": put("benchmarks", 0, "nodes", 0, "throughput", None),
    "unknown field at the top": put("verdict", "pass"),
    "unknown field of a GPU result": put(*GPU, "grade", "A"),
    "missing field": drop("run", "suite"),
    "empty name": put("benchmarks", 0, "name", ""),
    "unknown status": put("benchmarks", 0, "status", "passed"),
    "wrong without a reason": drop(*LAST, "status_reason"),
    "ok with a reason": put("benchmarks", 0, "status_reason", "fine"),
    "not run without a reason": drop(*SKIPPED, "status_reason"),
    "true as a text": put(*GPU, "verified", "true"),
    "count without its name": drop(*GPU, "work_counts", "global_sectors"),
    "count as a fraction": put(*GPU, "work_counts", "global_sectors", 1.5),
    "negative count": put(*GPU, "work_counts", "barrier_waits", -1),
    "unknown count": put(*GPU, "work_counts", "bank_conflicts", 0),
    "counts null without a reason": put(*GPU, "work_counts", None),
    "passed with wrong elements": put(*GPU, "verification", "wrong_elements", 3),
    "unknown backend": put("run", "backend", "simulated"),
    "local time": put("run", "started_at", "2026-11-22 01:45:00"),
    "other major version": put("schema_version", "2.0.0"),
    "version without counts of work": put("schema_version", "1.0.0"),
    "version without the sources of bandwidths": put("schema_version", "1.1.0"),
    "version as a number": put("schema_version", 1.0),
    "no rack": put("topology", "racks", []),
    "rank as a fraction": put("topology", "racks", 0, "nodes", 0, "gpus", 0, "rank", 0.5),
    "compute capability as a number":
        put("topology", "racks", 0, "nodes", 0, "gpus", 0, "compute_capability", 10.3),
    "unknown scope": put("benchmarks", 5, "communicators", 0, "scope", "world"),
    "communicator without ranks": put("benchmarks", 5, "communicators", 0, "ranks", []),
    "sample as null": put(*GPU, "samples_s", 0, None),
    "environment value as a number": put("software", "environment", "NCCL_DEBUG", 1),
}


def main():
    source, samples = map(pathlib.Path, sys.argv[1:3])
    schema = json.loads((source / "configs/schema/record.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    records = sorted(samples.glob("*/record.json"))
    records += [source / "tests/golden/record.json"]
    records += sorted((source / "results/examples").glob("**/record.json"))
    failures = []
    for path in records:
        for error in validator.iter_errors(json.loads(path.read_text())):
            failures.append(f"{path}: {error.json_path}: {error.message[:200]}")

    right = json.loads((source / "tests/golden/record.json").read_text())
    for name, change in WRONG.items():
        document = copy.deepcopy(right)
        change(document)
        if validator.is_valid(document):
            failures.append(f"the schema accepts a wrong document: {name}")

    print(f"{len(records)} records, {len(WRONG)} wrong documents, {len(failures)} failures")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
