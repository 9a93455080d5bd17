"""Suite "http": what a request, a connection and a byte cost, beside nginx, HAProxy and Envoy."""

import contextlib
import math
import re
import subprocess
import time

from harness import (PLAIN_HOST, TLS_HOST, Backend, BenchError, Folder, HeldConnections, Proxy,
                     PROXIES, cpu_ns, cpus, load, open_files, pinned, say, user_bytes)
from report import Metric

ROUNDS = 7
VERSIONS = ("weir", "nginx", "haproxy", "envoy", "openssl", "compiler")
MIB = 1024 * 1024
IDLE_CONNECTIONS = 4000
SAME_OPENSSL = ("nginx", "haproxy")  # Envoy has BoringSSL in it
LATENCIES = ("p50", "p99", "p999")


def request(*arguments, tls=False):
    """CPU time of the proxy for one unit of load."""
    def measure(run, proxy):
        port = proxy.https if tls else proxy.http
        result = load(port, *arguments, "--seconds", run.seconds, pids=proxy.pids, tls=tls)
        return {"": result["cpu_us"] / result["units"]}
    return measure


def by_wrk(run, proxy):
    return by_tool(run, proxy, ["wrk", "-t1", "-c64", f"-d{math.ceil(run.seconds)}s", "-H",
                                f"Host: {PLAIN_HOST}", f"http://127.0.0.1:{proxy.http}/"],
                   r"(\d+) requests in", r"Non-2xx|Socket errors")


def by_h2load(run, proxy):
    return by_tool(run, proxy, ["h2load", "--h1", "-t1", "-c64", f"-D{math.ceil(run.seconds)}",
                                f"--connect-to=127.0.0.1:{proxy.https}", f"https://{TLS_HOST}/"],
                   r"status codes: (\d+) 2xx", r"[1-9]\d* (failed|errored|timeout|[345]xx)")


def by_tool(_, proxy, argv, units, wrong):
    before = cpu_ns(proxy.pids)
    tool = subprocess.run(pinned(argv, cpus()[1]), capture_output=True, text=True)
    spent = cpu_ns(proxy.pids) - before
    count = re.search(units, tool.stdout)
    if tool.returncode != 0 or not count or re.search(wrong, tool.stdout):
        raise BenchError(f"{argv[0]} says: {tool.stdout[-600:]}{tool.stderr[-200:]}")
    return {"": spent / 1000 / int(count.group(1))}


def latency(run, proxy):
    """What the proxy adds at a rate that all of them can take: the direct path is subtracted."""
    arguments = ("--connections", 64, "--rate", half_load(run), "--seconds", run.seconds)
    direct = load(run.backend.port, *arguments)
    through = load(proxy.http, *arguments, pids=proxy.pids)
    figures = {name: max(through[f"{name}_us"] - direct[f"{name}_us"], 0.1) for name in LATENCIES}
    return figures | {"cpu": through["cpu_us"] / through["units"]}


def half_load(run):
    """Requests a second: half of what the slowest of the proxies answers in closed loop."""
    if run.half_load is None:
        speeds = []
        for proxy in run.proxies.values():
            result = load(proxy.http, "--connections", 64, "--seconds", 1)
            speeds.append(result["units"] / result["seconds"])
        run.half_load = int(min(speeds) / 2)
        say(f"half load: {run.half_load} requests a second")
    return run.half_load


def memory(run, proxy):
    """Of a fresh process: what an idle connection holds, and what is left of them all."""
    fresh = Proxy(proxy.kind, run.folder, run.backend.port)
    try:
        load(fresh.http, "--connections", 1, "--seconds", 0.1)
        before, files = user_bytes(fresh.pids), open_files(fresh.pids)
        held = HeldConnections(fresh.http, IDLE_CONNECTIONS)
        idle = user_bytes(fresh.pids)
        held.close()
        deadline = time.monotonic() + 20
        while open_files(fresh.pids) > files + 8:
            if time.monotonic() > deadline:
                raise BenchError("connections stay open that their clients have closed")
            time.sleep(0.05)
        left = user_bytes(fresh.pids)
    finally:
        fresh.stop()
    return {"idle": (idle - before) / IDLE_CONNECTIONS, "left": left / before}


UPLOAD = ("--upload", 16 * MIB, "--connections", 4)
DOWNLOAD = ("--path", f"/bytes/{MIB}", "--expect", MIB, "--connections", 8)

# measure → the rows that it gives.
METRICS = [
    (request("--connections", 64), Metric("plain-request", "us", 0.95)),
    (request("--connections", 8), Metric("plain-request-8", "us", 0.95)),
    (request("--connections", 64, "--browser-head"), Metric("plain-request-1500", "us", 0.95)),
    (by_wrk, Metric("plain-request-wrk", "us", 0.95)),
    (request("--connections", 64, tls=True), Metric("tls-request", "us", 0.95)),
    (request("--connections", 8, tls=True), Metric("tls-request-8", "us", 0.95)),
    (by_h2load, Metric("tls-request-h2load", "us", 0.95)),
    (request("--connections", 32, "--close"), Metric("new-connection", "us")),
    (request("--connections", 16, "--close", tls=True),
     Metric("full-handshake", "us", 1.0, against=SAME_OPENSSL)),
    (request("--connections", 16, "--close", "--resume", tls=True),
     Metric("resumed-handshake", "us", 1.0, against=SAME_OPENSSL)),
    (request(*DOWNLOAD), Metric("down-1mib", "us", 0.85)),
    (request(*DOWNLOAD, tls=True), Metric("down-1mib-tls", "us", 1.0)),
    (request(*UPLOAD), Metric("up-16mib", "us", 0.85)),
    (request(*UPLOAD, tls=True), Metric("up-16mib-tls", "us", 1.0)),
    (latency, Metric("added-latency-p50", "us", part="p50"),
     Metric("added-latency-p99", "us", 1.0, part="p99"),
     Metric("added-latency-p999", "us", part="p999"),
     Metric("plain-request-half-load", "us", part="cpu")),
    (memory, Metric("idle-connection", "B", 1.0, part="idle"),
     Metric("memory-after-closing", "of before", part="left")),
]


class Run:
    """The proxies of one run, all started once and loaded in turns."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.half_load = None
        self.proxies = {}
        self.parts = contextlib.ExitStack()
        self.folder = Folder()
        self.parts.callback(self.folder.remove)
        self.backend = Backend(self.folder)
        self.parts.callback(self.backend.stop)

    def __enter__(self):
        with contextlib.ExitStack() as started:
            for kind in PROXIES:
                proxy = Proxy(kind, self.folder, self.backend.port)
                self.proxies[kind] = proxy
                started.callback(proxy.stop)
            self.parts.push(started.pop_all())
        return self

    def __exit__(self, *_):
        self.parts.close()


def run(options, selected, collect):
    """Round by round; `collect(metric, round, figures)` takes each {proxy: figure}."""
    with Run(options.seconds) as under_test:
        kinds = list(under_test.proxies)
        for measure, *metrics in METRICS:
            wanted = [metric for metric in metrics if selected(metric.name)]
            if not wanted:
                continue
            for number in range(options.rounds):
                # Whoever comes first in one round is last in the next.
                turn = number % len(kinds)
                figures = {}
                try:
                    for kind in kinds[turn:] + kinds[:turn]:
                        figures[kind] = measure(under_test, under_test.proxies[kind])
                except BenchError as error:
                    say(f"{wanted[0].name}: round {number + 1} is void: {kind}: {error}")
                    continue
                for metric in wanted:
                    collect(metric, number, {kind: figures[kind][metric.part] for kind in kinds})
