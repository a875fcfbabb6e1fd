"""Runs that break midway: exit code 4, and everything measured until then is kept."""

import json
import os
import pathlib
import signal
import time
import unittest

import rackproof
from rackproof import INCOMPLETE

# Message sizes up to 4 GiB: nothing finishes this before it is broken.
SUITE = {
    "schema_version": "1.0",
    "name": "long",
    "summary": "a quick start and no end in sight",
    "statistics": {"warmup": 0, "min_samples": 2, "max_samples": 2, "cold_l2": False},
    "operations": [{"operation": "memory", "params": {"pattern": "copy", "bytes": 4096}}],
    "collectives": [
        {
            "collective": "all_reduce",
            "placements": ["in_place"],
            "min_bytes": 1024,
            "max_bytes": 1 << 32,
        }
    ],
}


class BrokenRuns(rackproof.RackTest):
    def start_long_run(self, *arguments, launcher=()):
        suite = self.write("long.json", json.dumps(SUITE))
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir()
        environment = rackproof.clean_environment(TMPDIR=str(self.temporary))
        process = self.start("run", "--suite", suite, "--out", "out", *arguments,
                             environment=environment, launcher=launcher)
        self.addCleanup(self.kill_all)
        self.wait_until_measured(process)
        return process

    def start_ranks(self, *arguments):
        """A long run that starts its own ranks."""
        process = self.start_long_run(*arguments)
        self.shared_memory = pathlib.Path(
            self.variables(self.ranks()[1])["OMPI_MCA_btl_vader_backing_directory"])
        self.assertTrue(any(self.shared_memory.iterdir()), "where do the ranks share memory?")
        return process

    def wait_until_measured(self, process):
        """Returns once the partial record holds two results."""
        partial = self.folder / ".out.partial" / "record.json"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if partial.exists():
                benchmarks = json.loads(partial.read_text())["benchmarks"]
                if sum(b["status"] == "ok" for b in benchmarks) >= 2:
                    return
            time.sleep(0.05)
        self.fail(str(self.finish(process, timeout=1)))

    @staticmethod
    def variables(pid):
        """The environment of a process."""
        text = pathlib.Path(f"/proc/{pid}/environ").read_text(errors="replace")
        return dict(item.split("=", 1) for item in text.split("\0") if "=" in item)

    def ranks(self):
        """Process ids of this test's ranks, by rank."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                variables = self.variables(entry.parent.name)
                name = pathlib.Path(os.readlink(entry.parent / "exe")).name
                mine = os.path.samefile(entry.parent / "cwd", self.folder)
            except OSError:
                continue
            if mine and name == "rackproof" and "OMPI_COMM_WORLD_RANK" in variables:
                found[int(variables["OMPI_COMM_WORLD_RANK"])] = int(entry.parent.name)
        return found

    def kill_all(self):
        for pid in self.ranks().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def check_partial_results(self, ended, outcome):
        self.assertEqual(ended.code, INCOMPLETE, str(ended))
        self.assertIn("partial results: ", ended.output)
        self.check_partial_record(outcome)
        self.assertFalse(self.shared_memory.exists(), "shared memory is left behind")
        self.assertEqual([str(path) for path in self.temporary.rglob("*") if path.is_file()], [])

    def check_partial_record(self, outcome):
        record = self.record()
        self.assertEqual(record["run"]["outcome"], outcome)
        self.assertTrue(record["notes"])
        by_status = {}
        for benchmark in record["benchmarks"]:
            by_status.setdefault(benchmark["status"], []).append(benchmark)
        self.assertGreaterEqual(len(by_status["ok"]), 2)
        self.assertGreaterEqual(len(by_status["not_run"]), 1)
        self.assertEqual(len(record["benchmarks"]), 24)
        for benchmark in by_status["not_run"]:
            self.assertTrue(benchmark["status_reason"])
        self.assertTrue((self.folder / "out" / "report.html").exists())
        self.assertFalse((self.folder / ".out.partial").exists())
        self.assertEqual(self.ranks(), {}, "ranks are left behind")
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()),
                         ["long.json", "out", "temporary"])
        self.assertEqual(sorted(path.name for path in (self.folder / "out").iterdir()),
                         ["record.json", "report.html"])

    def test_killed_rank(self):
        process = self.start_ranks()
        os.kill(self.ranks()[2], signal.SIGKILL)
        ended = self.finish(process)
        self.check_partial_results(ended, "failed")
        self.assertIn("a rank ended before the run did", ended.errors)

    def test_crashing_rank(self):
        process = self.start_ranks()
        os.kill(self.ranks()[1], signal.SIGSEGV)
        self.check_partial_results(self.finish(process), "failed")

    def test_killed_root(self):
        process = self.start_ranks()
        os.kill(self.ranks()[0], signal.SIGKILL)
        self.check_partial_results(self.finish(process), "failed")

    def test_hanging_rank(self):
        process = self.start_ranks("--timeout", "8")
        os.kill(self.ranks()[3], signal.SIGSTOP)
        ended = self.finish(process)
        self.check_partial_results(ended, "timed_out")
        self.assertIn("rank 3", ended.errors)

    def test_interrupted(self):
        process = self.start_ranks()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        self.check_partial_results(self.finish(process), "failed")

    def test_terminated_by_a_batch_system(self):
        # The ranks are somebody else's, who gives them SIGTERM and a while before SIGKILL.
        mpirun = ["mpirun", "--quiet", "--allow-run-as-root", "--oversubscribe", "-np", "4"]
        process = self.start_long_run("--emulate", "gb300-nvl72", launcher=mpirun)
        os.kill(self.ranks()[0], signal.SIGTERM)
        ended = self.finish(process)
        self.assertEqual(ended.code, INCOMPLETE, str(ended))
        self.assertIn("ended by SIGTERM; partial results: ", ended.errors)
        self.check_partial_record("failed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
