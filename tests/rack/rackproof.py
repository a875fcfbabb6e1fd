"""Runs the rackproof program for tests: what it printed, how it ended, what it wrote."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["RACKPROOF_SOURCE_DIR"])
BINARY = pathlib.Path(os.environ["RACKPROOF_BINARY_DIR"])
PROGRAM = BINARY / "rackproof"
TINY = SOURCE / "tests" / "rack" / "tiny.json"

OK, USAGE, NOT_READY, INCOMPLETE, WRONG, NOTHING_RAN = 0, 2, 3, 4, 5, 77


class Ended:
    """A finished run of the program."""

    def __init__(self, code, output, errors):
        self.code = code
        self.output = output
        self.errors = errors

    def __str__(self):
        return f"exit code {self.code}\n{self.output}\n{self.errors}"


def clean_environment(**extra):
    """Without a launcher's or an emulator's variables, in which tests may run themselves."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_", "RACKPROOF_", "LD_LIBRARY"))
    }
    mine.update(extra)
    return mine


class RackTest(unittest.TestCase):
    """Each test has an empty current folder of its own."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rackproof-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        """A file that the test gives; what else appears was written by the program."""
        (self.folder / name).write_text(text)
        self.given = self.files()
        return name

    def start(self, *arguments, environment=None, launcher=()):
        return subprocess.Popen(
            [*launcher, str(PROGRAM), *map(str, arguments)],
            cwd=self.folder,
            env=environment or clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process, timeout=240):
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            self.fail(f"no end after {timeout} s:\n{output}\n{errors}")
        return Ended(process.returncode, output, errors)

    def rackproof(self, *arguments, environment=None):
        return self.finish(self.start(*arguments, environment=environment))

    def run_tiny(self, *arguments, environment=None):
        return self.rackproof(
            "run", "--suite", TINY, "--out", "out", *arguments, environment=environment
        )

    def record(self):
        """The record in out/, checked against the shipped schema."""
        import jsonschema

        with open(self.folder / "out" / "record.json", encoding="utf-8") as file:
            record = json.load(file)
        with open(SOURCE / "configs/schema/record.schema.json", encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)
        return record

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def assert_one_line_error(self, ended, code, *parts):
        """Ended with `code`, one line that names each part, and nothing written."""
        self.assertEqual(ended.code, code, str(ended))
        lines = ended.errors.strip().splitlines()
        self.assertEqual(len(lines), 1, str(ended))
        self.assertTrue(lines[0].startswith("rackproof: "), lines[0])
        for part in parts:
            self.assertIn(part, lines[0])
        self.assertEqual(self.files(), getattr(self, "given", []), "something was written")
