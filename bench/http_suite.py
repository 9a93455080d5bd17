"""Suite "http": what a request, a connection and a byte cost, beside nginx, HAProxy and Envoy."""

import functools
import math
import re
import subprocess

from harness import (PLAIN_HOST, TLS_HOST, BenchError, HeldConnections, Proxy, cpu_ns, cpus, load,
                     open_files, pinned, say, user_bytes, wait_until_closed)
from report import Metric
from turns import Run, in_turns

SECONDS = 3
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


@functools.cache
def half_load(run):
    """Requests a second: half of what the slowest of the proxies answers in closed loop."""
    speeds = []
    for proxy in run.proxies.values():
        result = load(proxy.http, "--connections", 64, "--seconds", 1)
        speeds.append(result["units"] / result["seconds"])
    rate = int(min(speeds) / 2)
    say(f"half load: {rate} requests a second")
    return rate


def memory(run, proxy):
    """Of a fresh process: what an idle connection holds, and what is left of them all."""
    fresh = Proxy(proxy.kind, run.folder, run.backend.port)
    try:
        load(fresh.http, "--connections", 1, "--seconds", 0.1)
        before, files = user_bytes(fresh.pids), open_files(fresh.pids)
        held = HeldConnections(fresh.http, IDLE_CONNECTIONS)
        idle = user_bytes(fresh.pids)
        held.close()
        wait_until_closed(fresh, files)
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


def run(options, selected, collect):
    with Run(options.seconds) as under_test:
        in_turns(under_test, METRICS, options, selected, collect)
