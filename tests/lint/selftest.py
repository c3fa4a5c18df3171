"""Each lint rule finds what it is for, and leaves good code alone."""
import os
import tempfile
import unittest

import checks
import lint

GOOD = {
    "include/json/spec.h": "/* A spec. */\n#include <jansson.h>\n\n"
    "/* Reads. */\nint spec_read(int a);\n",
    "src/json/spec.c": "/* Reads. */\n#include \"json/spec.h\"\n\n#include \"base/err.h\"\n\n"
    "int\nspec_read(int a)\n{\n    return a; /* sprintf( in a comment */\n}\n",
    "include/base/err.h": "/* Errors. */\n",
}
LONG = "int\nlong_one(void)\n{\n" + "    x();\n" * 70 + "}\n"
KNOTTY = "int\nknot(void)\n{\n" + "    if (a && b)\n        x();\n" * 12 + "}\n"

# rule, path, text, part of the complaint
BAD = [
    ("layers", "src/json/a.c", '/* a */\n#include "db/db.h"\n', "json may not know db"),
    ("layers", "src/base/a.c", '/* a */\n#include "model/agent.h"\n', "base knows nothing"),
    ("layers", "src/http/a.c", '/* a */\n#include "domain/agents.h"\n', "http may not know domain"),
    ("layers", "src/http/a.c", '/* a */\n#include "json/json_priv.h"\n', "private"),
    ("layers", "src/cellar/a.c", '/* a */\n#include "base/err.h"\n', "not in layers.txt"),
    ("libraries", "src/store/a.c", "/* a */\n#include <libpq-fe.h>\n", "for db only"),
    ("libraries", "src/out/a.c", "/* a */\n#include <openssl/evp.h>\n", "for crypto only"),
    ("libraries", "src/db/a.c", "/* a */\n#include <zlib.h>\n", "of no library"),
    ("calls", "src/json/a.c", "int\nf(void)\n{\n    sprintf(a, b);\n}\n", "sprintf() is banned"),
    ("calls", "src/json/a.c", "int\nf(void)\n{\n    assert(n++ < 3);\n}\n", "changes something"),
    ("sizes", "src/json/a.c", LONG, "has 72 lines of 60"),
    ("sizes", "src/json/a.c", KNOTTY, "complexity of 13"),
    (
        "sizes",
        "src/json/a.c",
        "int\nf(int a, int b, int c, int d, int e,\n  int g)\n{\n}\n",
        "6 par",
    ),
    ("sizes", "src/json/a.c", "int " + "x" * 100 + ";\n", "columns"),
    ("sizes", "src/json/a.c", "int x;\n" * 601, "601 lines of 600"),
    ("sizes", "include/json/a.h", "int x;\n" * 151, "151 lines of 150"),
    ("contracts", "include/json/a.h", "/* a */\n\nint a_read(int a);\n", "no contract"),
    ("contracts", "include/json/a.h", "int a;\n", "does not begin"),
    ("headers", "src/json/a.c", "/* a */\n", "has no header"),
    ("headers", "src/json/spec.c", "/* a */\n", "does not include its own header"),
    ("words", "docs/a.md", "a TO" "DO here\n", "does not belong"),
    ("words", "docs/a.md", "see /wo" "rk/x\n", "does not belong"),
]


class Rules(unittest.TestCase):
    def faults(self, rule, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            return list(checks.ALL[rule](lint.Tree(root)))

    def test_good_code_passes_every_rule(self):
        for rule in checks.ALL:
            if rule != "format":
                self.assertEqual(self.faults(rule, GOOD), [], rule)

    def test_each_bad_example_is_found(self):
        for rule, path, text, complaint in BAD:
            with self.subTest(rule=rule, path=path, complaint=complaint):
                found = self.faults(rule, {**GOOD, path: text})
                self.assertTrue(any(complaint in fault[2] for fault in found), found)

    def test_tables_do_not_count_towards_the_length_of_a_file(self):
        rows = "/* a */\nstatic const struct field fields[] = {\n" + "    { 1 },\n" * 700 + "};\n"
        self.assertEqual(self.faults("sizes", {"src/json/a.c": rows}), [])


if __name__ == "__main__":
    unittest.main()
