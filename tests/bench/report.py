"""Tables for people (Markdown), and the same as JSON."""
import json
import os
import time

import machine

HEAD = [
    "",
    "requests/s",
    "min – max",
    "ratio",
    "CPU µs",
    "ratio",
    "own µs",
    "p50 ms",
    "p99 ms",
    "RSS MiB",
    "idle",
]


def number(value, form="%.1f"):
    return "–" if value is None else form % value


def ratio(value, peer):
    return "–" if not peer or value is None else "%.2f" % (value / peer)


def rows_of(table):
    peer = next((c for c in table["contenders"] if c["name"] == table["peer"]), None)
    for c in table["contenders"]:
        yield [
            c["name"],
            number(c["rate"], "%.0f"),
            "%.0f – %.0f" % (c["rate_min"], c["rate_max"]),
            ratio(c["rate"], peer and peer["rate"]),
            number(c["cpu_us"]),
            ratio(c["cpu_us"], peer and peer["cpu_us"]),
            number(c["own_cpu_us"]),
            number(c["p50_ms"], "%.2f"),
            number(c["p99_ms"], "%.2f"),
            number(None if c["rss"] is None else c["rss"] / 1048576),
            "%.0f %%" % (100 * c["idle"]),
        ]


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for n, row in enumerate(rows):
        yield "| " + " | ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths))
        ) + " |"
        if n == 0:
            yield "|" + "|".join(
                "-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)
            ) + "|"


def print_table(table):
    print("\n**%s**: %s\n" % (table["name"], table["title"]))
    if table["contenders"]:
        for line in aligned([HEAD] + list(rows_of(table))):
            print(line)
        if table["peer"] is not None:
            print("\nratio: of %s in the same runs" % table["peer"])
    for name, value, unit in table.get("facts", ()):
        print("- %s: %s%s" % (name, value, " " + unit if unit else ""))


def print_head(runs):
    print(
        "%d cores, %s; %s each, interleaved, medians. Load generator, servers and PostgreSQL share"
        " the cores." % (machine.cores(), system(), runs.words())
    )
    print(
        "CPU: user and system time per request of the server and its children (rosterd: with its"
        " PostgreSQL); own: rosterd alone."
    )


def system():
    try:
        with open("/etc/os-release", encoding="utf-8") as f:
            names = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
        return names.get("PRETTY_NAME", "Linux").strip('"')
    except OSError:
        return "Linux"


def write_json(path, runs, tables, failures):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(
            {
                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "cores": machine.cores(),
                "system": system(),
                "rounds": runs.rounds,
                "seconds": runs.seconds,
                "failures": failures,
                "lanes": tables,
            },
            f,
            indent=1,
        )
        f.write("\n")
