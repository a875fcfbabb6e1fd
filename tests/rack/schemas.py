"""The shipped suites against the shipped schema, and the schema against wrong suites."""

import copy
import json
import unittest

import jsonschema
import rackproof


class SuiteSchema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads((rackproof.SOURCE / "configs/schema/suite.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)

    def test_shipped_suites_are_valid(self):
        suites = sorted((rackproof.SOURCE / "configs/suites").glob("*.json"))
        self.assertGreaterEqual(len(suites), 2)
        for suite in [*suites, rackproof.TINY]:
            with self.subTest(suite=suite.name):
                self.validator.validate(json.loads(suite.read_text()))

    def test_wrong_suites_are_not(self):
        right = json.loads(rackproof.TINY.read_text())
        self.assertTrue(self.validator.is_valid(right))

        def wrong(change):
            suite = copy.deepcopy(right)
            change(suite)
            return suite

        for change in [
            lambda s: s.pop("name"),
            lambda s: s.update(name="../x"),
            lambda s: s.update(extra=1),
            lambda s: s["statistics"].update(min_samples=0),
            lambda s: s["operations"][0].update(parms={}),
            lambda s: s["collectives"][0].pop("max_bytes"),
            lambda s: s["collectives"][0].update(max_memory_share=0.1),
            lambda s: s["collectives"][0].update(types=["bf16"]),
            lambda s: (s.pop("operations"), s.pop("collectives")),
        ]:
            self.assertFalse(self.validator.is_valid(wrong(change)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
