"""Runs the lanes, prints their tables, writes them as JSON. Started by run.sh."""
import argparse
import os
import signal
import subprocess
import sys
import traceback
from http.client import HTTPException

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import crowd  # noqa: E402,F401  adds its lanes
import day  # noqa: E402,F401  likewise
import health  # noqa: E402,F401  likewise
import identity  # noqa: E402,F401  likewise
import instructions  # noqa: E402,F401  likewise
import lists  # noqa: E402,F401  likewise
import pace  # noqa: E402,F401  likewise
import sockets  # noqa: E402,F401  likewise
import report  # noqa: E402  the path above is needed first
from lanes import LANES, QUICK, Runs, run  # noqa: E402
from peers import Wrong  # noqa: E402
from rosterd import Failed  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh",
        description="Measures rosterd beside its peers. Times never fail a lane; "
        "wrong answers do, and more instructions than are written down.",
    )
    parser.add_argument(
        "lanes",
        nargs="*",
        metavar="lane",
        help="%s (standard: all; with --quick: %s)" % (", ".join(LANES), ", ".join(QUICK)),
    )
    parser.add_argument(
        "--quick", action="store_true", help="one run of one second each: does it " "all work?"
    )
    parser.add_argument(
        "--node",
        action="store_true",
        help="Node with Express and pg as another " "peer of the heartbeats (needs npm)",
    )
    parser.add_argument(
        "--etcd", action="store_true", help="etcd as another peer of the heartbeats"
    )
    parser.add_argument("--rounds", type=int, help="runs of each contender")
    parser.add_argument("--seconds", type=int, help="length of a run")
    parser.add_argument(
        "--json",
        metavar="FILE",
        default=os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "bench.json"),
        help="where the results go (standard: build/bench.json)",
    )
    given = parser.parse_args()
    unknown = [name for name in given.lanes if name not in LANES]
    if unknown:
        parser.error('no lane "%s"; there are %s' % (unknown[0], ", ".join(LANES)))
    return given


def main():
    given = arguments()
    runs = Runs(given.quick, given.node, given.etcd)
    runs.rounds, runs.seconds = given.rounds or runs.rounds, given.seconds or runs.seconds
    tables, failures = [], []
    # What runs is ended on the way out, whoever asks for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report.print_head(runs)
    for name in given.lanes or (QUICK if given.quick else list(LANES)):
        try:
            done = run(name, runs)
        except (Wrong, Failed, OSError, HTTPException, subprocess.SubprocessError) as fault:
            traceback.print_exc()
            failures.append({"lane": name, "fault": str(fault)})
            continue
        for table in done:
            report.print_table(table)
            failures += [{"lane": name, "fault": fault} for fault in table.get("faults", ())]
        tables += done
        sys.stdout.flush()
    report.write_json(given.json, runs, tables, failures)
    print("\nresults: %s" % os.path.relpath(given.json))
    for failure in failures:
        print("FAILED %(lane)s: %(fault)s" % failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
