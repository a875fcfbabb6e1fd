"""What is asked for wrongly: exit code 2, one line with place and fix, nothing written."""

import json
import unittest

import rackproof
from rackproof import NOT_READY, USAGE


class Usage(rackproof.RackTest):
    def changed_suite(self, change):
        suite = json.loads(rackproof.TINY.read_text())
        change(suite)
        return self.write("suite.json", json.dumps(suite))

    def test_flags(self):
        for arguments, parts in [
            (["run", "--trys", "2"], ['did you mean "--trays"?']),
            (["run", "--trays", "0"], ["--trays", 'from 1, found "0"']),
            (["run", "--seed", "-1"], ["--seed", 'found "-1"']),
            (["run", "--timeout", "abc"], ["--timeout", 'found "abc"']),
            (["rnu"], ["rnu", 'did you mean "run"?']),
            (["run", "--trays", "19"], ["--trays", "1 to 18"]),
            (["run", "--emulate", "gb301-nvl72"], ['did you mean "gb300-nvl72"?']),
            (["run", "--suite", "smok"], ['did you mean "smoke"?']),
            (["run", "--suite", "none.json"], ["none.json", "no such file"]),
            (["run", "--filter", "("], ["--filter", "regular expression"]),
            (["run", "--plant", "x@y"], ["--plant", "rank"]),
            (["run", "--", "--benchmark_repetitions=2"], ["--benchmark_repetitions", "suite"]),
            (["run", "--", "--benchmark_fliter=x"], ['did you mean "benchmark_filter"?']),
            (["report", "none.json"], ["none.json"]),
            ([], ["--help"]),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_one_line_error(self.rackproof(*arguments), USAGE, *parts)

    def test_one_rank_of_a_host_speaks(self):
        for local_rank in [0, 1]:
            environment = rackproof.clean_environment(
                OMPI_COMM_WORLD_RANK=str(4 + local_rank), OMPI_COMM_WORLD_SIZE="8",
                OMPI_COMM_WORLD_LOCAL_RANK=str(local_rank))
            ended = self.rackproof("run", "--emulate", "gb301-nvl72", environment=environment)
            self.assertEqual(ended.code, USAGE, str(ended))
            said = ["rackproof: error: rank 4: " in ended.errors, "gb301-nvl72" in ended.errors]
            self.assertEqual(said, [local_rank == 0] * 2, str(ended))

    def test_suite_key(self):
        def change(suite):
            suite["operations"][0]["parms"] = suite["operations"][0].pop("params")

        ended = self.rackproof("run", "--suite", self.changed_suite(change))
        self.assert_one_line_error(
            ended, USAGE, "suite.json#/operations/0/parms", 'did you mean "params"?'
        )

    def test_suite_parameter(self):
        def change(suite):
            suite["operations"][0]["params"]["shap"] = suite["operations"][0]["params"].pop("shape")

        ended = self.rackproof("run", "--suite", self.changed_suite(change))
        self.assert_one_line_error(ended, USAGE, "suite.json#/operations/0/params/shape")

    def test_suite_that_is_not_json(self):
        name = self.write("suite.json", '{"name": "x",\n "summary": }')
        ended = self.rackproof("run", "--suite", name)
        self.assert_one_line_error(ended, USAGE, "suite.json:2:", "not valid JSON")

    def test_rack(self):
        rack = json.loads((rackproof.SOURCE / "configs/racks/gb300-nvl72.json").read_text())
        rack["gpu"]["multiprocessors"] = "many"
        name = self.write("rack.json", json.dumps(rack))
        ended = self.rackproof("run", "--emulate", name)
        self.assert_one_line_error(ended, USAGE, "rack.json#/gpu/multiprocessors", "integer")

    def test_rack_keys_of_the_emulator(self):
        def without_registers(rack):
            del rack["gpu"]["registers_per_sm"]

        def shared_as_text(rack):
            rack["gpu"]["shared_kib_per_sm"] = "x"

        def clique_as_text(rack):
            rack["nvlink"]["fabric"]["clique_id"] = "x"

        for change, key in [
            (without_registers, "registers_per_sm"),
            (shared_as_text, "shared_kib_per_sm"),
            (clique_as_text, "clique_id"),
        ]:
            with self.subTest(key=key):
                rack = json.loads(
                    (rackproof.SOURCE / "configs/racks/gb300-nvl72.json").read_text()
                )
                change(rack)
                name = self.write("rack.json", json.dumps(rack))
                for command in ["run", "plan"]:
                    ended = self.rackproof(command, "--emulate", name)
                    self.assert_one_line_error(ended, USAGE, "rack.json", key)

    def test_existing_results_are_not_overwritten(self):
        (self.folder / "out").mkdir()
        self.write("out/record.json", "{}")
        ended = self.run_tiny()
        self.assert_one_line_error(ended, USAGE, "--out", "exists already")
        self.assertEqual(ended.output, "")

    def test_record_that_is_none(self):
        name = self.write("record.json", "{}")
        self.assert_one_line_error(self.rackproof("report", name), USAGE, "record.json")


class NotReady(rackproof.RackTest):
    def test_without_mpirun(self):
        ended = self.run_tiny(environment=rackproof.clean_environment(PATH="/nowhere"))
        self.assertEqual(ended.code, NOT_READY, str(ended))
        self.assertIn("mpirun is not in PATH", ended.errors)
        self.assertIn("apt-get install openmpi-bin", ended.errors)
        self.assertEqual(self.files(), [])

    def test_folder_that_cannot_be_created(self):
        self.write("file", "x")
        ended = self.rackproof("run", "--suite", rackproof.TINY, "--out", "file/out")
        self.assertEqual(ended.code, NOT_READY, str(ended))
        self.assertIn("choose another folder with --out", ended.errors)
        self.assertEqual(self.files(), ["file"])


class Plan(rackproof.RackTest):
    def test_racks_that_are_not_here(self):
        for trays, gpus in [(1, 4), (16, 64), (18, 72)]:
            ended = self.rackproof("plan", "--emulate", "gb300-nvl72", "--trays", str(trays))
            self.assertEqual(ended.code, 0, str(ended))
            self.assertIn(f"on {gpus} GPUs (4 a node)", ended.output)
        self.assertEqual(self.files(), [])

    def test_list(self):
        ended = self.rackproof("list")
        self.assertEqual(ended.code, 0, str(ended))
        for word in ["gemm", "attention", "memory", "all_reduce", "smoke", "acceptance", "gb300-nvl72"]:
            self.assertIn(word, ended.output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
