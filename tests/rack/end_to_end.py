"""`rackproof run` on the emulated rack, from the command line to the files."""

import json
import math
import unittest

import rackproof
from rackproof import INCOMPLETE, NOTHING_RAN, OK, WRONG


class EndToEnd(rackproof.RackTest):
    def check_record(self, nodes, gpus_per_node):
        record = self.record()
        self.assertEqual(record["run"]["backend"], "emulated")
        self.assertEqual(record["run"]["outcome"], "ok")
        racks = record["topology"]["racks"]
        found = [len(node["gpus"]) for rack in racks for node in rack["nodes"]]
        self.assertEqual(found, [gpus_per_node] * nodes)
        gpus = [gpu for rack in racks for node in rack["nodes"] for gpu in node["gpus"]]
        self.assertEqual(len({gpu["uuid"] for gpu in gpus}), nodes * gpus_per_node)
        self.assertTrue(all(gpu["name"].endswith("(emulated)") for gpu in gpus))
        self.assertEqual(len(record["benchmarks"]), 3)
        for benchmark in record["benchmarks"]:
            self.assertEqual(benchmark["status"], "ok", benchmark["name"])
            self.assertEqual(len(benchmark["gpus"]), nodes * gpus_per_node)
            for gpu in benchmark["gpus"]:
                self.assertIs(gpu["verified"], True)
                self.assertEqual(len(gpu["samples_s"]), 2)
            for part in benchmark["nodes"] + benchmark["racks"]:
                self.assertGreater(part["throughput"]["sum"], 0)
                self.assertEqual(part["throughput"]["basis"], "modelled")
            self.assertEqual(len(benchmark["nodes"]), nodes)
        self.check_work(record)
        return record

    def check_work(self, record):
        """Kernels do what their problem needs; tests of kernels say how much more they may do."""
        for benchmark in record["benchmarks"]:
            counts = [gpu["work_counts"] for gpu in benchmark["gpus"]]
            if benchmark["operation"] == "all_reduce":
                self.assertEqual(counts, [None] * len(counts))
                continue
            name, work = benchmark["name"], benchmark["work"]
            self.assertEqual(counts, [counts[0]] * len(counts), f"{name}: not data-dependent")
            self.assertEqual(counts[0]["kernels"], 1, name)
            self.assertEqual(counts[0]["ctas"], benchmark["gpus"][0]["resources"]["blocks"], name)
            # Buffers are whole sectors and inputs and outputs are disjoint: the minimum, exactly.
            self.assertEqual(counts[0]["unique_global_bytes"], work["bytes"], name)
            if benchmark["operation"] == "gemm":
                self.assertGreaterEqual(counts[0]["tensor_flops"], work["flops"], name)
                self.assertEqual(counts[0]["tensor_flops"], self.flops_of_whole_tiles(benchmark))

    @staticmethod
    def flops_of_whole_tiles(benchmark):
        """A tile that hangs over the edge is multiplied whole; the kernel's name ends in its size."""
        tile = benchmark["gpus"][0]["resources"]["kernel"].rsplit("_", 1)[1].split("x")
        padded = [
            -(-benchmark["params"][key] // int(size)) * int(size) for key, size in zip("mnk", tile)
        ]
        return 2 * math.prod(padded)

    def test_one_tray(self):
        ended = self.run_tiny()
        self.assertEqual(ended.code, OK, str(ended))
        self.assertIn("No GPU here: emulating one tray of gb300-nvl72", ended.output)
        self.assertEqual(ended.errors, "")
        record = self.check_record(nodes=1, gpus_per_node=4)
        self.assertEqual(len(record["topology"]["racks"]), 1)
        self.assertEqual(self.files(), ["out", "out/benchmark.json", "out/record.json", "out/report.html"])
        google = json.loads((self.folder / "out" / "benchmark.json").read_text())
        self.assertEqual(len(google["benchmarks"]), 3)
        self.assertEqual(google["context"]["rackproof_basis"], "modelled")
        for entry in google["benchmarks"]:
            self.assertGreater(entry["real_time"], 0)

    def test_two_trays_are_two_nodes_of_one_rack(self):
        ended = self.run_tiny("--trays", "2")
        self.assertEqual(ended.code, OK, str(ended))
        record = self.check_record(nodes=2, gpus_per_node=4)
        self.assertEqual(len(record["topology"]["racks"]), 1)

    def test_dgx_h100_is_one_node_of_eight(self):
        ended = self.run_tiny("--emulate", "dgx-h100")
        self.assertEqual(ended.code, OK, str(ended))
        record = self.check_record(nodes=1, gpus_per_node=8)
        self.assertEqual(record["rack_model"]["id"], "dgx-h100")

    def test_two_dgx_h100_are_two_nodes(self):
        ended = self.run_tiny("--emulate", "dgx-h100", "--trays", "2")
        self.assertEqual(ended.code, OK, str(ended))
        record = self.check_record(nodes=2, gpus_per_node=8)
        self.assertEqual(len(record["topology"]["racks"]), 2, "NVLink ends at the node")

    def test_default_place_and_latest(self):
        ended = self.rackproof("run", "--suite", rackproof.TINY, "--filter", "memory")
        self.assertEqual(ended.code, OK, str(ended))
        latest = self.folder / "results" / "local" / "latest"
        self.assertTrue(latest.is_symlink())
        record = json.loads((latest / "record.json").read_text())
        self.assertEqual([b["operation"] for b in record["benchmarks"]], ["memory"])

    def test_google_benchmark_flags(self):
        ended = self.run_tiny("--", "--benchmark_filter=gemm", "--benchmark_format=csv")
        self.assertEqual(ended.code, OK, str(ended))
        self.assertIn("gemm/bf16/m64n64k32/iterations:1/manual_time", ended.output)
        self.assertEqual(len(self.record()["benchmarks"]), 1)

    def test_report_renders_again(self):
        self.assertEqual(self.run_tiny("--filter", "memory").code, OK)
        html = self.folder / "out" / "report.html"
        first = html.read_text()
        html.unlink()
        ended = self.rackproof("report", "out/record.json")
        self.assertEqual(ended.code, OK, str(ended))
        self.assertEqual(html.read_text(), first)
        self.assertIn("memory/copy", ended.output)


class WrongResults(rackproof.RackTest):
    def check_planted(self, operation, rank):
        ended = self.run_tiny("--plant", f"{operation}@{rank}")
        self.assertEqual(ended.code, WRONG, str(ended))
        wrong = [b for b in self.record()["benchmarks"] if b["status"] == "wrong"]
        self.assertEqual([b["operation"] for b in wrong], [operation])
        self.assertEqual(
            [gpu["rank"] for gpu in wrong[0]["gpus"] if gpu["verified"] is False], [rank]
        )
        line = next(line for line in ended.errors.splitlines() if wrong[0]["name"] in line)
        self.assertIn(f"GPU {rank} (rank {rank})", line)
        self.assertIn("first: element ", line)

    def test_planted_in_gemm(self):
        self.check_planted("gemm", 1)

    def test_planted_in_memory(self):
        self.check_planted("memory", 0)

    def test_planted_in_all_reduce(self):
        self.check_planted("all_reduce", 3)


class NothingRuns(rackproof.RackTest):
    def test_filter_without_match(self):
        self.assert_one_line_error(self.run_tiny("--filter", "nothing"), NOTHING_RAN, "nothing to run")

    def test_google_filter_without_match(self):
        ended = self.run_tiny("--", "--benchmark_filter=nothing")
        self.assert_one_line_error(ended, NOTHING_RAN, "nothing to run")

    def test_forced_variant_that_does_not_exist(self):
        ended = self.run_tiny(
            "--filter",
            "gemm",
            environment=rackproof.clean_environment(RACKPROOF_VARIANT="gemm:sm1"),
        )
        self.assertEqual(ended.code, NOTHING_RAN, str(ended))
        benchmark = self.record()["benchmarks"][0]
        self.assertEqual(benchmark["status"], "not_run")
        self.assertIn("sm1", benchmark["status_reason"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
