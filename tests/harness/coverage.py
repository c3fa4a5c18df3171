"""Every operation of the OpenAPI document, and every error it declares, must have been met by some
flow: coverage.py RECORDS UNMET. What cannot be provoked from outside stands in UNMET with its
reason."""
import glob
import json
import os
import subprocess
import sys

from client import Document


def declared(document):
    """Every (operation, status, code) that the document promises; code None is a success."""
    for _, _, row, _ in document.operations:
        for status in row["responses"]:
            if status == "default":
                yield row["operationId"], "passed", None
            if not status.isdigit():
                continue
            response = document.response(row, int(status))
            if int(status) < 400:
                yield row["operationId"], int(status), None
            for code in sorted(document.codes(response)):
                yield row["operationId"], int(status), code


def excused(path):
    """Rows "operation code reason"; * is any operation."""
    with open(path, encoding="utf-8") as f:
        for line in f:
            words = line.split(None, 2)
            if words and not line.startswith("#"):
                if len(words) < 3:
                    sys.exit("%s: no reason: %s" % (path, line))
                yield words[0], words[1]


def main(records, unmet):
    text = subprocess.run(
        [os.environ["ROSTERD"], "openapi"], capture_output=True, check=True
    ).stdout
    document = Document(json.loads(text))
    met = set()
    for name in glob.glob(os.path.join(records, "*.jsonl")):
        with open(name, encoding="utf-8") as f:
            met.update(tuple(json.loads(line)) for line in f)
    excuses, used, missing = set(excused(unmet)), set(), []
    wanted = set(declared(document))
    for row in sorted(wanted - met, key=str):
        waiver = next(
            (e for e in excuses if e[0] in (row[0], "*") and e[1] == str(row[2] or row[1])), None
        )
        if waiver:
            used.add(waiver)
        else:
            missing.append(row)
    for row in missing:
        print("never met: %s %s %s" % (row[0], row[1], row[2] or ""))
    for row in sorted(excuses - used):
        print("met, or not declared: no excuse needed: %s %s" % row)
    print(
        "%d of %d declared outcomes met, %d excused, %d missing"
        % (
            len(wanted & met),
            len(wanted),
            len(wanted) - len(wanted & met) - len(missing),
            len(missing),
        )
    )
    return 1 if missing or excuses - used else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: coverage.py RECORDS UNMET")
    sys.exit(main(*sys.argv[1:]))
