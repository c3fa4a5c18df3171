"""What the lint scripts share: the tree, sources without comments, excuses, and the report."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Tree:
    """The files of the repository below root, with their texts."""

    def __init__(self, root):
        self.root = root
        self.texts = {}

    def files(self, *suffixes, under=()):
        for path in self.all():
            if suffixes and not path.endswith(suffixes):
                continue
            if under and not path.startswith(tuple(u + "/" for u in under)):
                continue
            yield path

    def all(self):
        got = subprocess.run(
            ["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
            capture_output=True,
            text=True,
        )
        if got.returncode == 0:
            return sorted(
                p
                for p in set(got.stdout.splitlines())
                if os.path.isfile(os.path.join(self.root, p))
            )
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
            found += [os.path.relpath(os.path.join(folder, n), self.root) for n in names]
        return sorted(found)

    def text(self, path):
        if path not in self.texts:
            with open(os.path.join(self.root, path), "rb") as f:
                self.texts[path] = f.read().decode("utf-8", "replace")
        return self.texts[path]

    def code(self, path):
        return bare(self.text(path))


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(text):
    """C without comments and without what stands inside strings; lines and columns stay."""

    def blank(match):
        word = match.group(0)
        if word[0] in "\"'":
            return word[0] + " " * (len(word) - 2) + word[0]
        return re.sub(r"[^\n]", " ", word)

    return TOKEN.sub(blank, text)


class Function:
    def __init__(self, name, parameters, first, last, body):
        self.name, self.parameters = name, parameters
        self.first, self.last, self.body = first, last, body


def functions(code):
    """The functions a file defines: the house puts the name, "{" and "}" at column 0."""
    lines = code.split("\n")
    found, at = [], 0
    while at < len(lines):
        head = re.match(r"([A-Za-z_]\w*)\(", lines[at])
        if not head:
            at += 1
            continue
        opening = at
        while (
            opening < len(lines)
            and lines[opening] not in ("{", "}")
            and not lines[opening].rstrip().endswith(";")
        ):
            opening += 1
        if opening >= len(lines) or lines[opening] != "{":
            at += 1
            continue
        closing = opening
        while closing < len(lines) and lines[closing] != "}":
            closing += 1
        signature = " ".join(lines[at:opening])
        found.append(
            Function(
                head.group(1),
                parameters_of(signature),
                opening + 1,
                closing + 1,
                "\n".join(lines[opening : closing + 1]),
            )
        )
        at = closing + 1
    return found


def parameters_of(signature):
    """How many a function takes; mem and err, which come last everywhere, are not counted."""
    inner, depth, count = "", 0, 1
    for c in signature[signature.index("(") :]:
        depth += c == "("
        depth -= c == ")"
        if depth == 0:
            break
        if depth == 1 and c == ",":
            count += 1
        inner += c
    if inner.strip("( ") in ("", "void"):
        return 0
    if inner.endswith("struct err *err"):
        count, inner = count - 1, inner[: inner.rindex(",")] if "," in inner else ""
    return count - 1 if inner.rstrip().endswith("struct arena *mem") else count


def table(name):
    """Rows "key: words" of a text file beside this script."""
    rows = {}
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        for line in f:
            line = line.split("#")[0].strip()
            if line:
                key, _, words = line.partition(":")
                rows[key.strip()] = words.split()
    return rows


def excuses():
    rows = []
    with open(os.path.join(HERE, "excuses.txt"), encoding="utf-8") as f:
        for line in f:
            words = line.split(None, 2)
            if not words or line.startswith("#"):
                continue
            if len(words) < 3:
                sys.exit("excuses.txt: an excuse needs a path, a rule and a reason: " + line)
            rows.append(words)
    return rows


def finish(rule, faults, root):
    """Prints what is not excused; the status of the process. A fault is (place, line, text)."""
    waived = {row[0] for row in excuses() if row[1] == rule}
    used, bad = set(), 0
    for place, line, text in faults:
        path = place.split(":")[0]
        excuse = place if place in waived else path if path in waived else None
        if excuse:
            used.add(excuse)
            continue
        bad += 1
        print("%s:%d: %s" % (path, line, text))
    for place in sorted(waived - used):
        bad += 1
        print("tests/lint/excuses.txt: nothing to excuse: %s %s" % (place, rule))
    print("%s: %d fault(s) in %s" % (rule, bad, root if bad else "the tree"))
    return 1 if bad else 0
