"""Runs one lint check: run.py RULE [ROOT]. Exit status 1 when something is not excused."""
import os
import sys

import checks
import lint

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in checks.ALL:
        sys.exit("usage: run.py %s [ROOT]" % "|".join(checks.ALL))
    root = sys.argv[2] if len(sys.argv) == 3 else os.path.dirname(os.path.dirname(lint.HERE))
    sys.exit(lint.finish(sys.argv[1], list(checks.ALL[sys.argv[1]](lint.Tree(root))), root))
