"""The lane of added latency: calls at a pace that loads nobody."""

from lanes import LANES, QUICK, Caller, Contender, compare, forwarder
from peers import Bed, wrk

CONNECTIONS, DELAY_MS = 20, 20  # a thousand a second, nearly


def paced(contender_url, token):
    def call(s, check):
        return wrk("post.lua", contender_url, s, CONNECTIONS, check, token=token, delay=DELAY_MS)

    return call


def pace(runs, folder, keep):
    bed = keep(Bed(folder))
    caller = keep(Caller(bed))
    token, ours = caller.agent["token"], caller.registry.url + caller.target()
    plain = "http://127.0.0.1:%d/" % bed.ports["plain"]
    alone = Contender("the upstream alone", paced(plain, "tk_none"), [bed.upstream.pid])
    contenders = [alone, Contender("rosterd", paced(ours, token), [caller.pid], caller.pid)]
    for server in (bed.nginx, bed.haproxy):
        if server is not None:
            contenders.append(forwarder(bed, server, "/", False, CONNECTIONS, DELAY_MS))
    before = caller.records()
    title = "the proxy lane at a pace: %d connections, each %d ms after its answer" % (
        CONNECTIONS,
        DELAY_MS,
    )
    table = compare("pace", title, contenders, alone.name, runs)
    caller.check_records(before + contenders[1].requests())
    table["facts"] = []
    for c in table["contenders"][1:]:
        for key in ("p50_ms", "p99_ms"):
            added = round(c[key] - table["contenders"][0][key], 2)
            table["facts"].append(("%s: added at %s" % (c["name"], key[:3]), added, "ms"))
    return [table]


LANES["pace"] = pace
QUICK.append("pace")
