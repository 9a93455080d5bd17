"""Suite "idle": many tunnels at once, of which 1 % speak, while routes of others change all the time.

A process may have RLIMIT_NOFILE descriptors, a tunnel takes two of weir's, and weir takes clients
until three quarters are in use. Where the limit is too low for one process, weir is several, all with
one controller; backends and load generators are, too. The result says how many, and the limit.
"""

import contextlib
import itertools
import math
import os
import resource
import threading
import time

from harness import (BIN, PATIENCE, Backend, BenchError, Folder, HeldTunnels, cpu_ns, cpus,
                     free_port, say, serves, start, stop, user_bytes, weir_manifests)
from report import Metric

ROUNDS = 1
SECONDS = 60
VERSIONS = ("weir", "compiler")
SPEAKING = 0.01
OTHERS = 100  # Ingresses that change, in turns
CHANGES_A_SECOND = 10
DIRECT = 100  # tunnels to a backend without weir, which all speak: what the machine alone takes
SPARE = 200  # descriptors of a process that are for other things
MOST_AT_BACKEND = 9_000  # of 28 000 ports towards one address, the kernel looks at half first

METRICS = [(None,
            Metric("tunnels-lost", "tunnels", 0, part="lost"),
            Metric("idle-tunnel", "B", 600, part="memory"),
            Metric("idle-cpu", "% of a core", part="cpu"),
            Metric("idle-echo-p50", "ms", part="p50"),
            Metric("idle-echo-p99", "ms", part="p99"))]

OTHER = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: other-{number}}}
spec:
  ingressClassName: weir
  rules:
  - host: other-{number}.example
    http:
      paths:
      - {{path: /{version}, pathType: Exact, backend: {{service: {{name: app, port: {{number: 80}}}}}}}}
"""


class Weir:
    """As many proxies as the tunnels need, each on a port of its own, with one controller."""

    def __init__(self, folder, manifests, processes):
        self.log = folder.path / "weir.log"
        control = folder.path / "socket"
        self.ports = []
        self.proxies = []
        self.controller = start([BIN / "weir-controller", "--source", f"dir:{manifests}",
                                 "--socket", control], cpus()[1], self.log)
        try:
            for _ in range(processes):
                port = free_port()
                self.proxies.append(start([BIN / "weir-proxy", "--socket", control, "--threads", 1,
                                           "--http", f"127.0.0.1:{port}"], cpus()[0], self.log))
                self.ports.append(port)
            wait_until_served(self.ports, self)
        except BaseException:
            self.stop()
            raise

    @property
    def pids(self):
        return [proxy.pid for proxy in self.proxies]

    def stop(self):
        for process in (*self.proxies, self.controller):
            stop(process)


def wait_until_served(ports, weir, *what):
    deadline = time.monotonic() + PATIENCE
    for port in ports:
        while not serves(port, *what):
            if time.monotonic() > deadline:
                raise BenchError(f"{what or 'weir'} is not served; weir says:\n"
                                 f"{weir.log.read_text()[-2000:]}")
            time.sleep(0.02)


class Changes(threading.Thread):
    """Gives one of the other Ingresses another path, again and again, until `end`."""

    def __init__(self, manifests):
        super().__init__()
        self.manifests = manifests
        self.count = 0
        self.over = threading.Event()
        for _ in range(OTHERS):
            self.change()

    def change(self):
        file = self.manifests / f"other-{self.count % OTHERS}.yaml"
        draft = self.manifests.parent / "draft"
        draft.write_text(OTHER.format(number=self.count % OTHERS, version=self.count))
        draft.rename(file)  # weir never reads half of it
        self.count += 1

    def run(self):
        while not self.over.wait(1 / CHANGES_A_SECOND):
            self.change()

    def end(self):
        self.over.set()
        if self.ident is not None:
            self.join()

    def last(self):
        """Host and path of the newest route."""
        return f"other-{(self.count - 1) % OTHERS}.example", f"/{self.count - 1}"


def run(options, selected, collect):
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    tunnels = options.tunnels
    proxies = math.ceil(tunnels / ((limit * 3 // 4 - SPARE) // 2))
    backends = math.ceil(tunnels / min(0.9 * (limit - SPARE), MOST_AT_BACKEND))
    holders = math.ceil(tunnels / (limit - SPARE))
    say(f"{tunnels} tunnels with at most {limit} descriptors a process: {proxies} of weir, "
        f"{backends} backends, {holders} load generators")
    meta = {"tunnels": tunnels, "descriptors": limit, "weir_processes": proxies,
            "speaking": SPEAKING, "changes_a_second": CHANGES_A_SECOND}
    for number in range(options.rounds):
        with contextlib.ExitStack() as parts:
            figures = measure(parts, tunnels, proxies, backends, holders, options.seconds)
        meta |= {"load_average": os.getloadavg()[0], "changes": figures.pop("changes"),
                 "opened_in_seconds": figures.pop("opened")}
        for metric in METRICS[0][1:]:
            if selected(metric.name):
                figure = figures[metric.part]
                collect(metric, number, figure if isinstance(figure, dict) else {"weir": figure})
    return meta


def measure(parts, tunnels, proxies, backends, holders, seconds):
    folder = Folder()
    parts.callback(folder.remove)
    addresses = [f"127.1.0.{i + 1}" for i in range(backends)]
    port = free_port()
    for address in (*addresses, "127.0.0.1"):
        parts.callback(Backend(folder, address, port).stop)
    manifests = weir_manifests(folder, folder.path / "manifests", port, addresses)
    changes = Changes(manifests)
    weir = Weir(folder, manifests, proxies)
    parts.callback(weir.stop)
    changes.start()
    parts.callback(changes.end)
    before = user_bytes(weir.pids)

    begun = time.monotonic()
    held = [HeldTunnels(weir.ports, share) for share in shares(tunnels, holders)]
    direct = HeldTunnels([port], DIRECT)
    for holder in (*held, direct):
        parts.callback(holder.end)
    for holder in (*held, direct):
        holder.answer()
    opened = time.monotonic() - begun
    say(f"open after {opened:.0f} s")
    memory = user_bytes(weir.pids)

    speaking = shares(max(1, round(tunnels * SPEAKING)), holders)
    start_ns, begun = cpu_ns(weir.pids), time.monotonic()
    for holder, count in zip(held, speaking):
        holder.tell(f"speak {seconds} {count}")
    direct.tell(f"speak {seconds} {DIRECT}")
    echoes = {"weir": latencies(held), "direct": latencies([direct])}
    cpu = (cpu_ns(weir.pids) - start_ns) / 1e9 / (time.monotonic() - begun)

    changes.end()
    wait_until_served(weir.ports, weir, *changes.last())
    lost = sum(holder.ask("close")["lost"] for holder in held)
    return {"lost": lost, "memory": (memory - before) / tunnels, "cpu": 100 * cpu,
            "p50": {kind: times[len(times) // 2] / 1000 for kind, times in echoes.items()},
            "p99": {kind: times[int(len(times) * 0.99)] / 1000 for kind, times in echoes.items()},
            "changes": changes.count, "opened": round(opened, 1)}


def latencies(holders):
    """Of all echoes behind a `speak`, in microseconds, sorted."""
    return sorted(itertools.chain(*(holder.answer()["latencies_us"] for holder in holders)))


def shares(whole, parts):
    """`whole` in so many parts of about the same size."""
    return [whole // parts + (i < whole % parts) for i in range(parts)]
