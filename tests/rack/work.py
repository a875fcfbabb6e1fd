"""`rackproof work`: counts against a baseline, worse, better, added, gone."""

import json
import unittest

import rackproof
from rackproof import OK, USAGE

MORE_WORK = 6
COPY = "memory/copy/b65536"
SUITE = {
    "schema_version": "1.0",
    "name": "few",
    "summary": "a problem of each operation, as small as they go",
    "operations": [
        {"operation": "gemm", "params": {"shape": "explicit", "type": "bf16", "m": 128, "n": 128, "k": 64}},
        {"operation": "attention", "params": {"shape": "explicit", "head_dim": 64, "seq": 128, "heads": 1}},
        {
            "operation": "attention_backward",
            "params": {"shape": "explicit", "type": "bf16", "head_dim": 64, "seq": 128, "heads": 1},
        },
        {
            "operation": "attention_decode",
            "params": {"type": "fp16", "head_dim": 64, "page_size": 16, "kv_lengths": [512, 64], "heads": 8, "kv_heads": 1},
        },
        {"operation": "memory", "params": {"pattern": "copy", "bytes": 65536}},
    ],
}


class Work(rackproof.RackTest):
    def setUp(self):
        super().setUp()
        self.write("few.json", json.dumps(SUITE))
        (self.folder / "b").mkdir()

    def work(self, *arguments):
        return self.rackproof("work", "--suite", "few.json", "--baselines", "b", *arguments)

    def change(self, change):
        """Changes the problem COPY of the baseline."""
        file = self.folder / "b" / "memory.json"
        baseline = json.loads(file.read_text())
        change(baseline, next(p for p in baseline["problems"] if p["name"] == COPY))
        file.write_text(json.dumps(baseline))

    def check(self, ended, code, *parts):
        self.assertEqual(ended.code, code, str(ended))
        for part in parts:
            self.assertIn(part, ended.output + ended.errors)

    def test_every_way_to_differ(self):
        self.check(self.work(), MORE_WORK, COPY + ": added: not in the baseline")
        self.check(self.work("--update"), OK, "equal")
        first = {p.name: p.read_text() for p in (self.folder / "b").iterdir()}
        self.check(self.work("--update"), OK)
        second = {p.name: p.read_text() for p in (self.folder / "b").iterdir()}
        self.assertEqual(first, second, "counts differ from run to run")

        def fewer(_, problem):
            problem["counts"]["warp_instructions"] -= 1

        def more(_, problem):
            problem["counts"]["warp_instructions"] += 2

        self.change(fewer)
        self.check(self.work(), MORE_WORK, COPY + ": worse: warp_instructions")
        self.change(more)
        self.check(self.work(), OK, COPY + ": better: warp_instructions", "--update")

        def rename(_, problem):
            problem["name"] = "memory/copy/b1"

        self.change(rename)
        ended = self.work("--json")
        self.check(ended, MORE_WORK)
        verdicts = {p["name"]: p["verdict"] for p in json.loads(ended.output)["problems"]}
        self.assertEqual(verdicts[COPY], "added")
        self.assertEqual(verdicts["memory/copy/b1"], "gone")

    def test_an_operation_without_a_problem_fails(self):
        suite = dict(SUITE, operations=SUITE["operations"][-1:])
        self.write("few.json", json.dumps(suite))
        self.check(self.work("--update"), MORE_WORK, "gemm: the suite has no canonical problem")

    def test_baseline_of_another_rack(self):
        self.check(self.work("--update"), OK)
        self.change(lambda baseline, _: baseline.update(rack="dgx-h100"))
        self.check(self.work(), USAGE, "counts of dgx-h100, not of gb300-nvl72")


class WorkSchema(unittest.TestCase):
    def test_shipped_baselines_are_valid(self):
        import jsonschema

        schema = json.loads((rackproof.SOURCE / "configs/schema/work.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        files = sorted((rackproof.SOURCE / "results/baselines/work").rglob("*.json"))
        self.assertGreaterEqual(len(files), 3)
        for file in files:
            baseline = json.loads(file.read_text())
            jsonschema.validate(baseline, schema, cls=jsonschema.Draft202012Validator)
            self.assertEqual(baseline["operation"], file.stem)


if __name__ == "__main__":
    unittest.main(verbosity=2)
