"""The rules of the house that a script can check; each returns faults (place, line, text)."""
import os
import re
import shutil
import subprocess

import lint

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
SYSTEM = set(
    """assert.h ctype.h dirent.h endian.h errno.h fcntl.h features.h fnmatch.h ftw.h getopt.h glob.h
    grp.h ifaddrs.h inttypes.h langinfo.h libgen.h limits.h locale.h malloc.h math.h netdb.h poll.h
    pthread.h pwd.h regex.h sched.h semaphore.h setjmp.h signal.h spawn.h stdalign.h stdarg.h
    stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h
    syslog.h termios.h threads.h time.h unistd.h wchar.h""".split()
)
SYSTEM_FOLDERS = ("arpa/", "linux/", "net/", "netinet/", "sys/", "sanitizer/")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def room_of(path):
    """src/api/portal/x.c, include/api/portal/x.h: api; src/main.c: main."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else os.path.splitext(parts[1])[0]


def includes(tree):
    for path in tree.files(".c", ".h", under=("src", "include")):
        text = tree.text(path)
        for match in INCLUDE.finditer(text):
            yield path, line_of(text, match.start(2)), match.group(1), match.group(2)


def layers(tree):
    allowed = lint.table("layers.txt")
    for path, line, mark, name in includes(tree):
        if mark != '"':
            continue
        room, other = room_of(path), name.split("/")[0]
        if "/" not in name:
            if not name.endswith(("_priv.h", ".def")):
                yield path, line, 'ours are included as "room/file": %s' % name
        elif room not in allowed:
            yield path, line, "room %s is not in layers.txt" % room
        elif not (
            other in (room, "base", "model") or other in allowed[room] or "*" in allowed[room]
        ):
            yield path, line, "%s may not know %s (%s)" % (room, other, name)
        elif other not in allowed:
            yield path, line, "there is no room %s (%s)" % (other, name)
        elif name.endswith("_priv.h") and not path.startswith("src/" + os.path.dirname(name)):
            yield path, line, "%s is private to its room" % name
        elif room == "base" and other != "base":
            yield path, line, "base knows nothing of ours (%s)" % name


def libraries(tree):
    rooms = lint.table("libraries.txt")
    for path, line, mark, name in includes(tree):
        if mark != "<" or name in SYSTEM or name.startswith(SYSTEM_FOLDERS):
            continue
        row = next(
            (r for r in rooms if r == name or r.endswith("*") and name.startswith(r[:-1])), None
        )
        if row is None:
            yield path, line, "<%s> is of no library in libraries.txt" % name
        elif room_of(path) not in rooms[row]:
            yield path, line, "<%s> is for %s only" % (name, ", ".join(rooms[row]))


BANNED = {
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strcpy": "snprintf or memcpy",
    "stpcpy": "memcpy",
    "strcat": "buf",
    "strncpy": "memcpy",
    "strncat": "buf",
    "gets": "fgets",
    "system": "posix_spawn",
    "popen": "posix_spawn",
    "rand": "RAND_bytes",
    "srand": "RAND_bytes",
    "random": "RAND_bytes",
    "drand48": "RAND_bytes",
    "strtok": "strtok_r",
    "atoi": "strtoll",
    "atol": "strtoll",
    "atoll": "strtoll",
    "atof": "strtod",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "ctime": "strftime",
    "asctime": "strftime",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "tempnam": "mkstemp",
    "alloca": "the arena",
    "gethostbyname": "getaddrinfo",
    "inet_addr": "inet_pton",
    "inet_ntoa": "inet_ntop",
    "vfork": "posix_spawn",
    "strerror_l": "strerror",
}
CALL = re.compile(r"(?<![\w.>])(%s)[ \t]*\(" % "|".join(BANNED))
ASSERT = re.compile(r"(?<!\w)assert[ \t]*\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)")
SIDE_EFFECT = re.compile(r"\+\+|--|(?<![=!<>])=(?!=)")


def calls(tree):
    for path in tree.files(".c", ".h", under=("src", "include")):
        code = tree.code(path)
        for match in CALL.finditer(code):
            name = match.group(1)
            yield path, line_of(code, match.start()), "%s() is banned: use %s" % (
                name,
                BANNED[name],
            )
        for match in ASSERT.finditer(code):
            if SIDE_EFFECT.search(match.group(1)):
                yield path, line_of(code, match.start()), "an assert changes something"


FUNCTION_LINES, PARAMETERS, COMPLEXITY = 60, 5, 12
FILE_LINES, HEADER_LINES, COLUMNS = 600, 150, 100
# Decisions; a switch is one, however many cases it lists, and so is a condition of several parts.
BRANCH = re.compile(r"\b(?:if|for|while|switch)\b|\?")
TABLE = re.compile(
    r"^(?:static )?(?:const )?(?:static )?(?:const )?[\w ]+[ *][\w]+\[[^\]\n]*\][^;{]*= \{$"
    r".*?^\};?$",
    re.M | re.S,
)


def sizes(tree):
    for path in tree.files('.py'):
        yield from size_of_file(path, tree.text(path), "")
    for path in tree.files(".c", ".h", under=("src", "include", "tests")):
        code = tree.code(path)
        yield from size_of_file(path, tree.text(path), code)
        for f in lint.functions(code):
            place = "%s:%s" % (path, f.name)
            lines, branches = f.last - f.first + 1, 1 + len(BRANCH.findall(f.body))
            if lines > FUNCTION_LINES and path.startswith("src/"):
                yield place, f.first, "%s() has %d lines of %d" % (f.name, lines, FUNCTION_LINES)
            if f.parameters > PARAMETERS:
                yield place, f.first, "%s() has %d parameters" % (f.name, f.parameters)
            if branches > COMPLEXITY and path.startswith("src/"):
                yield place, f.first, "%s() has a complexity of %d" % (f.name, branches)


def size_of_file(path, text, code):
    """Lines and columns; rows of tables do not count as lines."""
    lines = text.split("\n")
    tables = sum(match.group(0).count("\n") + 1 for match in TABLE.finditer(code))
    most = HEADER_LINES if path.endswith(".h") else FILE_LINES
    if len(lines) - 1 - tables > most:
        yield path, 1, "%d lines of %d, tables not counted" % (len(lines) - 1 - tables, most)
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield path, number, "%d columns" % len(line)
        if line.rstrip() != line:
            yield path, number, "blanks at the end of the line"


DECLARES = re.compile(
    r"^(?!typedef\b|extern\b|static\b|#|struct \w+ \{|enum\b|\}|/|\s)"
    r"[A-Za-z_][\w \t*]*?\b([a-z]\w*)\(",
    re.M,
)
VERBS = ("_new", "_free", "_free_scoped", "_done", "_close", "_open")


def contracts(tree):
    """A group of declarations (no blank line within) begins with a comment, or names a verb of the
    house whose promise is always the same."""
    for path in tree.files(".h", under=("include",)):
        text = tree.text(path)
        line = 1
        for block in re.split(r"(\n[ \t]*\n)", text):
            if block.strip():
                yield from contract_of(path, line, block)
            line += block.count("\n")
        if not text.startswith("/*"):
            yield path, 1, "the file does not begin with what it is for"


def contract_of(path, line, block):
    commented = re.search(r"/\*", block)
    code = lint.bare(block)
    for match in DECLARES.finditer(code):
        name = match.group(1)
        if commented and commented.start() < match.start():
            continue
        rest = block[match.start() : block.find("\n", block.find(";", match.start()))]
        if name.endswith(VERBS) or "/*" in rest or name == "__attribute__":
            continue
        yield "%s:%s" % (path, name), line + line_of(
            code, match.start()
        ) - 1, "%s() has no contract above it" % name


def headers(tree):
    known = set(tree.files(".h"))
    for path in tree.files(".c", under=("src",)):
        text = tree.text(path)
        if not text.startswith("/*"):
            yield path, 1, "the file does not begin with what it is for"
        if path == "src/main.c":
            continue
        folder, name = os.path.split(path[len("src/") : -len(".c")])
        own = "include/%s/%s.h" % (folder, name)
        mine = {m.group(2) for m in INCLUDE.finditer(text)}
        if (
            own in known
            and own[len("include/") :] not in mine
            and not any(i.endswith("_priv.h") for i in mine)
        ):
            yield path, 1, "does not include its own header %s" % own
        elif own not in known and not declared_in_its_room(tree, path, folder, mine, known):
            yield path, 1, "has no header: neither %s nor another of its room declares it" % own


def declared_in_its_room(tree, path, folder, mine, known):
    """Whether it includes a header of its room, and a header of the room declares what it makes."""
    own = {f.name for f in lint.functions(tree.code(path))}
    if not any("/" not in name or os.path.dirname(name) == folder for name in mine):
        return False
    return any(
        own & set(re.findall(r"\b(\w+)\(", tree.code(place)))
        for place in known
        if os.path.dirname(place) in ("include/" + folder, "src/" + folder)
    )


# Spelled in pieces, so that this file does not contain them.
WORDS = [
    r"(?<![\w.])/" + r"work/",
    "/tmp" + "/build",
    r"\bhelper" + "-",
    "npm" + r"js\.",
    r"py" + r"pi\.",
    r"deb\." + r"debian\.org",
    r"\bTO" + r"DO\b",
    r"\bFIX" + r"ME\b",
    r"\bXX" + r"X\b",
]
BINARY = (".png", ".ico", ".woff2", ".gz", ".bin", ".der")


def words(tree):
    pattern = re.compile("|".join(WORDS))
    for path in tree.files():
        if path.endswith(BINARY) or path.startswith("tests/fuzz/corpus/"):
            continue
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            match = pattern.search(line)
            if match:
                yield path, number, "a word that does not belong here: %s" % match.group(0)


def format(tree):
    if shutil.which("clang-format") is None:
        return
    paths = list(tree.files(".c", ".h", under=("src", "include", "tests")))
    if not paths:
        return
    got = subprocess.run(
        ["clang-format", "--dry-run", "-Werror", "--style=file"] + paths,
        cwd=tree.root,
        capture_output=True,
        text=True,
    )
    seen = set()
    for match in re.finditer(r"^([^:\n]+):(\d+):\d+: (?:error|warning): ", got.stderr, re.M):
        if match.group(1) not in seen:
            seen.add(match.group(1))
            yield match.group(1), int(match.group(2)), "is not as clang-format would have it"
    if got.returncode != 0 and not seen:
        yield "src", 1, "clang-format failed: " + got.stderr.strip()[:200]


ALL = {
    check.__name__: check
    for check in (layers, libraries, calls, sizes, contracts, headers, words, format)
}
