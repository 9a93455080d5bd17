"""Suite "tunnels": what a message, an upgrade and an open tunnel cost, beside nginx, HAProxy and
Envoy, and what a message costs the backend when no proxy is between (`direct`): the floor."""

import time

from harness import (PROXIES, BenchError, HeldTunnels, Proxy, load, open_files, user_bytes,
                     wait_until_closed)
from report import Metric
from turns import Run, in_turns

SECONDS = 3
ROUNDS = 7
VERSIONS = ("weir", "nginx", "haproxy", "envoy", "openssl", "compiler")
KIB = 1024
MIB = 1024 * KIB
PEERS = tuple(kind for kind in PROXIES if kind != "weir")
# weir has the fewest: it takes clients until three quarters of the 20 000 descriptors are in use.
TUNNELS = 7000
CYCLES = 7  # 49 000 tunnels in all
SETTLE = 1  # seconds until a figure of memory is taken
GIVE_BACK = 4  # more of them, for what a proxy gives back when a crowd has gone


class Direct:
    """The backend in the place of a proxy."""
    kind = "direct"

    def __init__(self, backend):
        self.http = backend.port
        self.pids = [backend.process.pid]


def message(size, tunnels=64, tls=False):
    """CPU time to forward one message: those of a round trip are two. Without a proxy the backend
    reads and writes once a round trip, which is what forwarding once takes."""
    def measure(run, proxy):
        if proxy.kind == "direct" and tls:
            return None
        result = load(proxy.https if tls else proxy.http, "--tunnels", tunnels, "--message", size,
                      "--seconds", run.seconds, pids=proxy.pids, tls=tls, tool="weir_bench_tunnels")
        return {"": result["cpu_us"] / result["units"] / (1 if proxy.kind == "direct" else 2)}
    return measure


def upgrade(run, proxy):
    """CPU time from connecting to closed, the connection to the backend with it."""
    result = load(proxy.http, "--upgrades", "--tunnels", 32, "--seconds", run.seconds,
                  pids=proxy.pids, tool="weir_bench_tunnels")
    return {"": result["cpu_us"] / result["units"]}


def memory(tls, cycles):
    """Of a fresh process: what an idle tunnel holds before and behind a message each way, and what
    is left when all are closed, after so many times."""
    def measure(run, proxy):
        if proxy.kind == "direct":
            return None
        fresh = Proxy(proxy.kind, run.folder, run.backend.port)
        port = fresh.https if tls else fresh.http
        try:
            load(port, "--connections", 1, "--seconds", 0.1, tls=tls)
            before, files = memory_of(fresh), open_files(fresh.pids)
            figures = {}
            for cycle in range(cycles):
                held = HeldTunnels([port], TUNNELS, tls)
                try:
                    held.answer()
                    if cycle == 0:
                        figures["silent"] = (memory_of(fresh) - before) / TUNNELS
                    held.ask("echo")
                    if cycle == 0:
                        figures["spoken"] = (memory_of(fresh) - before) / TUNNELS
                    if held.ask("close")["lost"] > 0:
                        raise BenchError("tunnels were lost")
                finally:
                    held.end()
                wait_until_closed(fresh, files)
            time.sleep(GIVE_BACK)
            figures["left"] = memory_of(fresh) / before
        finally:
            fresh.stop()
        return figures
    return measure


def memory_of(proxy):
    time.sleep(SETTLE)
    return user_bytes(proxy.pids)


def row(name, bar=None):
    return Metric(name, "us", bar, against=PEERS)


def memory_rows(suffix, bar):
    return (Metric(f"idle-tunnel{suffix}", "B", bar, part="silent", absolute=True),
            Metric(f"idle-tunnel-spoken{suffix}", "B", bar, part="spoken", absolute=True),
            Metric(f"memory-after-tunnels{suffix}", "of before", 1.2, part="left", absolute=True))


# measure → the rows that it gives.
METRICS = [
    (message(64), row("message-64", 1.05)),
    (message(KIB), row("message-1k", 1.05)),
    (message(4 * KIB), row("message-4k", 0.75)),
    (message(16 * KIB), row("message-16k", 0.65)),
    (message(64 * KIB), row("message-64k", 0.75)),
    (message(MIB, tunnels=8), row("message-1m", 0.85)),
    (message(64, tls=True), row("message-64-tls")),
    (message(16 * KIB, tls=True), row("message-16k-tls")),
    (message(MIB, tunnels=8, tls=True), row("message-1m-tls")),
    (upgrade, row("upgrade", 1.05)),
    (memory(False, CYCLES), *memory_rows("", 600)),
    (memory(True, 1), *memory_rows("-tls", 15_500)),
]


def run(options, selected, collect):
    with Run(options.seconds) as under_test:
        under_test.proxies["direct"] = Direct(under_test.backend)
        in_turns(under_test, METRICS, options, selected, collect)
