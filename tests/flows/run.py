"""Runs one file of flows: run.py FILE [unittest options]."""
import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "harness"))

from client import RECORD  # noqa: E402  the path above is needed first


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py FILE [unittest options]")
    name = os.path.splitext(os.path.basename(sys.argv[1]))[0]
    RECORD.begin(name)
    spec = importlib.util.spec_from_file_location(name, sys.argv[1])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    unittest.main(module=module, argv=[sys.argv[0]] + sys.argv[2:], verbosity=2, warnings='ignore')


if __name__ == "__main__":
    main()
