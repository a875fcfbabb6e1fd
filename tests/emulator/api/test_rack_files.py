#!/usr/bin/env python3
"""Every rack file is valid: shape, sources, reasons for nulls, and peaks that follow from rates."""

import json
import pathlib
import sys

SKIPPED = 77
EXPECTED = {
    "gb300-nvl72", "gb200-nvl72", "hgx-b300", "hgx-b200", "hgx-h200", "dgx-h100", "hgx-a100-80",
}

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed (apt install python3-jsonschema)")
    sys.exit(SKIPPED)


def leaves(value, pointer=""):
    """JSON pointers of all scalars; arrays of scalars count as one."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, f"{pointer}/{key}")
    else:
        yield pointer, value


def unsourced(rack):
    """Figures without a source at their own pointer or at one around it; nulls without a reason."""
    exempt = {"/rack/trays_reason", "/rack/nvlink_domain"}
    for section in ("rack", "gpu", "node", "nvlink"):
        for pointer, value in leaves(rack[section], f"/{section}"):
            if value is None:
                if pointer not in rack["null_reasons"]:
                    yield f"{pointer} is null without a reason"
                continue
            prefixes = {pointer[: i] for i, c in enumerate(pointer) if c == "/"} | {pointer}
            if pointer not in exempt and not prefixes & rack["sources"].keys():
                yield f"{pointer} has no source"


def dangling(rack):
    """Sources and reasons that point at nothing, or at the wrong kind of value."""
    for table, wants_null in (("sources", False), ("null_reasons", True)):
        for pointer in rack[table]:
            value = rack
            for part in pointer.split("/")[1:]:
                value = value.get(part, KeyError) if isinstance(value, dict) else KeyError
            if value is KeyError or (value is None) != wants_null:
                yield f"{table}: {pointer} does not fit the file"


def inconsistent(rack):
    """Peaks against multiprocessors x rate x clock, and lists against the number of GPUs."""
    gpu = rack["gpu"]
    # The clock is floored to 1 MHz and datasheets round: fp32 of 80 stands for 78.1.
    for kind, tolerance in (("bf16", 1e-3), ("tf32", 1.2e-2), ("fp8", 2e-3), ("fp32", 0.06)):
        peak, rate = gpu["peak_tflops"][kind], gpu["per_sm_clk"][kind]
        if peak is None:
            continue
        modelled = gpu["multiprocessors"] * rate * gpu["peak_sm_clock_mhz"] * 1e-6
        if kind != "fp32" and abs(modelled / peak - 1) > tolerance:
            yield f"/gpu/peak_tflops/{kind} is {peak}, rates give {modelled:.1f}"
        if kind == "fp32" and not 0.9 < modelled / peak < 1 + tolerance:
            yield f"/gpu/peak_tflops/fp32 is {peak}, rates give {modelled:.1f}"
    for key in ("module_ids", "pci_bus_ids", "gpu_numa_nodes"):
        values = rack["node"][key]
        if values is not None and len(values) != rack["rack"]["gpus_per_tray"]:
            yield f"/node/{key} has {len(values)} entries for {rack['rack']['gpus_per_tray']} GPUs"


def main():
    root = pathlib.Path(sys.argv[1])
    schema = json.loads((root / "configs/schema/rack.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    problems = []
    files = sorted((root / "configs/racks").glob("*.json"))
    missing = EXPECTED - {file.stem for file in files}
    problems += [f"configs/racks/{name}.json is missing" for name in sorted(missing)]
    for file in files:
        rack = json.loads(file.read_text())
        errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(rack)]
        if not errors:
            errors = [*unsourced(rack), *dangling(rack), *inconsistent(rack)]
            if rack["id"] != file.stem:
                errors.append(f"/id is {rack['id']!r}, the file is {file.name}")
        problems += [f"{file.name}: {error}" for error in errors]
    # The schema must be able to refuse: a misspelt key and a negative figure.
    broken = json.loads(files[0].read_text())
    broken["gpu"]["multiprocesors"] = 1
    broken["gpu"]["tdp_w"] = -1
    if len(list(validator.iter_errors(broken))) != 2:
        problems.append("rack.schema.json accepts a misspelt key or a negative figure")
    print("\n".join(problems) or f"{len(files)} rack files are valid")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
