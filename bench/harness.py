"""What every suite needs: programs under load, pinned; load tools; CPU time and memory."""

import base64
import http.client
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
PEERS = ROOT / "bench/peers"
PLAIN_HOST = "bench.example"
TLS_HOST = "secure.example"
PATIENCE = 30  # seconds until a program that was started must serve


class BenchError(Exception):
    """Ends the run, or voids a round: its text says why."""


def cpus():
    """The CPU of the proxies, and that of load generators and backends."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise BenchError("two CPUs are needed: one for the proxies, one for load and backend")
    return usable[0], usable[1]


def free_port():
    """Below the ephemeral range, so that no connection takes it before the program listens."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def pinned(argv, cpu):
    """The command that runs `argv` on one CPU, as the same process."""
    return ["taskset", "-c", str(cpu), *map(str, argv)]


def start(argv, cpu, log):
    """Starts a program pinned to one CPU; what it prints goes to the file `log`."""
    with open(log, "ab") as out:
        return subprocess.Popen(pinned(argv, cpu), stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_ns(pids):
    """What these processes have run so far, in nanoseconds."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def user_bytes(pids):
    """Memory that only these processes have. Pages of files are left out: what the others on the
    machine map of them moves their share."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except PermissionError as error:
            raise BenchError("memory figures need root: weir-proxy hides its own") from error
        for name in ("Pss_Anon", "Pss_Shmem"):
            total += 1024 * int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1))
    return total


def open_files(pids):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def wait_until_closed(proxy, files):
    """Until no more descriptors are open than `files`, and a few for what a proxy keeps."""
    deadline = time.monotonic() + 20
    while open_files(proxy.pids) > files + 8:
        if time.monotonic() > deadline:
            raise BenchError("connections stay open that their clients have closed")
        time.sleep(0.05)


class Folder:
    """A temporary folder with the certificate that all proxies show."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="weir-bench-"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7", "-subj",
                        f"/CN={TLS_HOST}", "-addext", f"subjectAltName=DNS:{TLS_HOST}", "-keyout",
                        self.path / "key.pem", "-out", self.path / "certificate.pem"],
                       check=True, capture_output=True)
        pair = (self.path / "certificate.pem").read_text() + (self.path / "key.pem").read_text()
        (self.path / "pair.pem").write_text(pair)

    def fill(self, template, target, **names):
        """Writes a configuration of bench/peers with its @NAMES@ replaced."""
        text = (PEERS / template).read_text()
        text = re.sub("@([A-Z]+)@", lambda match: str(names[match.group(1)]), text)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def weir_manifests(folder, target, port, addresses=("127.0.0.1",)):
    """Fills the folder `target` with what weir serves from the backends at `port`; gives it back."""
    encoded = {name: base64.b64encode((folder.path / file).read_bytes()).decode()
               for name, file in (("CERTIFICATE", "certificate.pem"), ("KEY", "key.pem"))}
    endpoints = ", ".join(f"{{addresses: [{address}]}}" for address in addresses)
    folder.fill("weir.yaml", target / "weir.yaml", BACKEND=port, ENDPOINTS=endpoints, **encoded)
    return target


class Backend:
    """bench/backend.cc on the CPU of the load."""

    def __init__(self, folder, address="127.0.0.1", port=None):
        self.port = port or free_port()
        self.log = folder.path / "backend.log"
        self.process = start([BIN / "weir_bench_backend", self.port, address], cpus()[1], self.log)

    def stop(self):
        stop(self.process)


def serves(port, host=PLAIN_HOST, path="/"):
    """True: a request is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Proxy:
    """A proxy that serves both hosts on one port each; `kind` is a key of PROXIES."""

    def __init__(self, kind, folder, backend_port):
        self.kind = kind
        self.http = free_port()
        self.https = free_port()
        # The port alone is no name: it may be free a second time.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{kind}-{self.http}-", dir=folder.path))
        self.log = self.folder / "log"
        self.processes = []
        names = {"FOLDER": self.folder, "PAIR": folder.path / "pair.pem", "HTTP": self.http,
                 "HTTPS": self.https, "BACKEND": backend_port}
        PROXIES[kind](self, folder, names)
        self.wait_until_serving()

    def start(self, *argv, cpu=None):
        process = start(argv, cpus()[0] if cpu is None else cpu, self.log)
        self.processes.append(process)
        return process

    def start_nginx(self, folder, names):
        config = folder.fill("nginx.conf", self.folder / "nginx.conf", **names)
        self.start(shutil.which("nginx", path=SEARCH), "-c", config)

    def start_haproxy(self, folder, names):
        config = folder.fill("haproxy.cfg", self.folder / "haproxy.cfg", **names)
        self.start(shutil.which("haproxy", path=SEARCH), "-db", "-f", config)

    def start_envoy(self, folder, names):
        config = folder.fill("envoy.yaml", self.folder / "envoy.yaml", **names)
        self.start(envoy(), "--concurrency", 1, "--disable-hot-restart", "-l", "error", "-c",
                   config)

    def start_weir(self, folder, names):
        manifests = weir_manifests(folder, self.folder / "manifests", names["BACKEND"])
        control = self.folder / "socket"
        self.start(BIN / "weir-proxy", "--socket", control, "--threads", 1,
                   "--requests-per-connection", 1_000_000_000, "--http",
                   f"127.0.0.1:{self.http}", "--https", f"127.0.0.1:{self.https}")
        self.start(BIN / "weir-controller", "--source", f"dir:{manifests}", "--socket", control,
                   cpu=cpus()[1])

    @property
    def pids(self):
        """The proxy with its children (nginx has a worker process); not weir's controller."""
        pid = self.processes[0].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def wait_until_serving(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.processes[0].poll() is not None:
                break
            if serves(self.http):
                return
            time.sleep(0.02)
        self.stop()
        raise BenchError(f"{self.kind} does not serve; it says:\n{self.log.read_text()[-2000:]}")

    def stop(self):
        for process in self.processes:
            stop(process)


PROXIES = {"weir": Proxy.start_weir, "nginx": Proxy.start_nginx, "haproxy": Proxy.start_haproxy,
           "envoy": Proxy.start_envoy}
SEARCH = os.environ["PATH"] + ":/usr/sbin:/sbin"  # where Debian puts daemons


def envoy():
    """The path of the pinned Envoy; fetched the first time."""
    fetch = subprocess.run([ROOT / "tools/fetch-envoy"], stdout=subprocess.PIPE, text=True)
    if fetch.returncode != 0:
        raise BenchError("no Envoy to compare with")
    return fetch.stdout.strip()


def load(port, *arguments, pids=(), tls=False, tool="weir_bench_load"):
    """Runs a load tool; what it measured. A wrong response raises BenchError."""
    argv = [BIN / tool, "--port", port, *arguments, *side(tls)]
    for pid in pids:
        argv += ["--pid", pid]
    run = subprocess.run(pinned(argv, cpus()[1]), capture_output=True, text=True)
    try:
        result = json.loads(run.stdout)
    except json.JSONDecodeError as error:
        raise BenchError(f"the load tool failed: {run.stderr.strip()}") from error
    if "error" in result:
        raise BenchError(result["error"])
    return result


def side(tls):
    """A load tool's arguments for one of the two hosts."""
    return ("--tls", "--host", TLS_HOST) if tls else ("--host", PLAIN_HOST)


class HeldTunnels:
    """Tunnels that stay open until `close`, from one process; in turns to each of the ports."""

    def __init__(self, ports, count, tls=False):
        argv = [BIN / "weir_bench_tunnels", "--hold", "--tunnels", count, *side(tls)]
        for port in ports:
            argv += ["--port", port]
        self.process = subprocess.Popen(pinned(argv, cpus()[1]), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def answer(self):
        """To opening, and then to each command."""
        answer = json.loads(self.process.stdout.readline() or '{"error": "the load tool ended"}')
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        self.tell(command)
        return self.answer()

    def end(self):
        stop(self.process)


class HeldConnections:
    """Connections that each had one request, and stay open until `close`."""

    def __init__(self, port, count):
        argv = [BIN / "weir_bench_load", "--port", port, "--connections", count, "--hold"]
        self.process = subprocess.Popen(pinned(argv, cpus()[1]), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        answer = json.loads(self.process.stdout.readline() or '{"error": "the load tool ended"}')
        if "error" in answer:
            raise BenchError(answer["error"])

    def close(self):
        self.process.communicate("close\n")


def say(text):
    print(text, file=sys.stderr, flush=True)


def first_number(text):
    match = re.search(r"\d+\.\d+(\.\d+)?", text)
    return match.group(0) if match else "?"


def output_of(*argv):
    run = subprocess.run([str(arg) for arg in argv], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    return run.stdout


def versions(*names):
    return {name: VERSIONS[name]() for name in names}


VERSIONS = {
    "weir": lambda: first_number(output_of(BIN / "weir-proxy", "--version")),
    "nginx": lambda: first_number(output_of(shutil.which("nginx", path=SEARCH), "-v")),
    "haproxy": lambda: first_number(output_of(shutil.which("haproxy", path=SEARCH), "-v")),
    "envoy": lambda: re.search(r"/(\d+\.\d+\.\d+)/", output_of(envoy(), "--version")).group(1),
    "openssl": lambda: first_number(output_of("openssl", "version")),
    "compiler": lambda: output_of("c++", "-dumpfullversion").strip(),
}


def machine():
    model = re.search(r"^model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(), re.M)
    return {"cores": os.cpu_count(), "cpu": model.group(1) if model else "unknown",
            "kernel": os.uname().release}
