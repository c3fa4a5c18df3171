"""The unit file as systemd judges it: unit_file.py ROOT. Nothing to complain of, and little that a
service taken over by somebody else could do."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

EXPOSURE = 1.5  # 0 is nothing, 10 everything
SKIPPED = 77
BINARY = "/usr/bin/rosterd"


def judge(unit):
    """What is wrong, one line each."""
    got = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60
    )
    said = (got.stdout + got.stderr).strip()
    if got.returncode != 0 or said:
        yield "systemd-analyze verify: status %d: %s" % (got.returncode, said)
    got = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager"]
        + ["--threshold=%d" % (EXPOSURE * 10), unit],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", got.stdout)
    if found is None:
        yield "systemd-analyze security: status %d: %s" % (got.returncode, got.stderr)
    elif got.returncode != 0 or float(found.group(1)) > EXPOSURE:
        open_doors = [line for line in got.stdout.splitlines() if line.startswith("✗")]
        yield "exposure is %s, at most %s is wanted\n%s" % (
            found.group(1),
            EXPOSURE,
            "\n".join(open_doors),
        )


def main(root):
    if shutil.which("systemd-analyze") is None:
        print("skipped: systemd-analyze is not installed (Debian package systemd)")
        return SKIPPED
    with open(os.path.join(root, "conf", "rosterd.service"), encoding="utf-8") as f:
        text = f.read()
    if "ExecStart=%s serve " % BINARY not in text:
        print("conf/rosterd.service: ExecStart is not %s serve" % BINARY)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, "rosterd.service")
        with open(unit, "w", encoding="utf-8") as f:
            f.write(text.replace("=%s " % BINARY, "=%s " % shutil.which("true")))
        faults = list(judge(unit))
    for fault in faults:
        print("conf/rosterd.service: " + fault)
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: unit_file.py ROOT")
    sys.exit(main(sys.argv[1]))
