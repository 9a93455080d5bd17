"""A real Prometheus scrapes weir under load, and is asked what dashboards and alerts ask it."""

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
from http import HTTPStatus
from pathlib import Path

import websockets
import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = Path(os.environ["WEIR_BUILD"]) / "bin"
PATIENCE = 120  # seconds; the machine is slow at times
HOST = "shop.example"

MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: app-1, labels: {kubernetes.io/service-name: app}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
ports: [{port: %(backend)d}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "false"}
spec:
  tls: [{hosts: [shop.example], secretName: shop-tls}]
  rules:
    - host: shop.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}
"""


def eventually(what, message):
    end = time.monotonic() + PATIENCE
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(message() if callable(message) else message)
        time.sleep(0.2)


class Program:
    """One that logs its ports, or why it cannot go on."""

    def __init__(self, *args, env=None):
        self.lines = []
        self.process = subprocess.Popen([str(arg) for arg in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=os.environ | (env or {}))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def log(self):
        return "".join(self.lines)

    def find(self, pattern):
        def look():
            if self.process.poll() is not None:
                raise AssertionError(self.log())
            return re.search(pattern, self.log())
        return eventually(look, self.log)

    def port(self, what):
        return int(self.find(rf"{what} listening on \S+:(\d+)")[1])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Load:
    """A service behind weir, and who asks it: requests without a pause, and a tunnel that talks."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(self.serve())
        self.port = self.server.sockets[0].getsockname()[1]
        self.clients = []
        self.done = threading.Event()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    @staticmethod
    async def serve():
        async def request(path, fields):
            if fields.get("Upgrade"):
                return (HTTPStatus.FORBIDDEN, [], b"no\n") if path == "/refused" else None
            status = HTTPStatus.INTERNAL_SERVER_ERROR if path == "/fail" else HTTPStatus.OK
            return status, [], b"hello\n"

        async def echo(tunnel):
            async for message in tunnel:
                await tunnel.send(message)

        return await websockets.serve(echo, "127.0.0.1", 0, process_request=request, ping_interval=None)

    def begin(self, port):
        self.clients.append(asyncio.run_coroutine_threadsafe(self.talk(port), self.loop))
        self.asking = threading.Thread(target=self.ask, args=(port,), daemon=True)
        self.asking.start()

    async def talk(self, port):
        to = {"host": "127.0.0.1", "port": port, "ping_interval": None}
        uri = f"ws://{HOST}:{port}"
        async with websockets.connect(f"{uri}/stays", **to) as stays:
            while not self.done.is_set():
                async with websockets.connect(f"{uri}/goes", **to) as goes:
                    await goes.send("hello")
                    await goes.recv()
                await stays.send("still here")
                await stays.recv()
                try:
                    async with websockets.connect(f"{uri}/refused", **to):
                        pass
                except websockets.exceptions.InvalidStatusCode:
                    pass
                await asyncio.sleep(0.1)

    def ask(self, port):
        paths = ["/", "/cart?token=secret", "/fail", "/missing"]
        while not self.done.wait(0.02):
            for path in paths:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                connection.request("GET", path, headers={"Host": "unknown.example" if path == "/missing" else HOST})
                connection.getresponse().read()
                connection.close()

    def end(self):
        self.done.set()
        self.asking.join()
        for client in self.clients:
            client.result(PATIENCE)
        self.server.close()
        self.call(self.server.wait_closed())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    def __init__(self, folder, targets):
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                  "rule_files": [str(ROOT / "charts/weir/files/alerts.yaml")],
                  "scrape_configs": [{"job_name": "weir-metrics", "static_configs": [
                      {"targets": [f"127.0.0.1:{port}" for port in targets],
                       "labels": {"namespace": "weir", "pod": "weir-0"}}]}]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        for _ in range(5):  # somebody else may have taken the port meanwhile
            self.port = free_port()
            self.program = Program("prometheus", f"--config.file={folder}/prometheus.yml",
                                   f"--storage.tsdb.path={folder}/data",
                                   f"--web.listen-address=127.0.0.1:{self.port}")
            try:
                self.program.find("Server is ready")
                return
            except AssertionError:
                self.program.stop()
                if "address already in use" not in self.program.log():
                    raise
        raise AssertionError("no free port for Prometheus")

    def get(self, path, **parameters):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def query(self, expr):
        """The result; an error of Prometheus is one of the test."""
        answer = self.get("query", query=expr)
        if answer["status"] != "success":
            raise AssertionError(f"{expr}: {answer['error']}")
        return answer["data"]["result"]


def get(port, path, accept="text/plain"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Accept": accept})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def setUpModule():
    global folder, load, controller, proxy, prometheus, metrics_ports
    folder = tempfile.TemporaryDirectory(prefix="weir-metrics-")
    place = Path(folder.name)
    (place / "manifests").mkdir()
    load = Load()
    (place / "manifests/app.yaml").write_text(MANIFESTS % {"backend": load.port})
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/O=Example/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "30",
                    "-keyout", place / "key.pem", "-out", place / "cert.pem"], check=True, capture_output=True)
    (place / "manifests/secret.yaml").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop-tls"}, "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": (place / "cert.pem").read_text(), "tls.key": (place / "key.pem").read_text()}}))
    pod = {"POD_NAME": "weir-0", "POD_NAMESPACE": "weir"}
    controller = Program(BIN / "weir-controller", f"--source=dir:{place}/manifests", f"--socket={place}/weir.sock",
                         "--metrics-listen=127.0.0.1:0", "--metrics-compat=ingress-nginx", env=pod)
    proxy = Program(BIN / "weir-proxy", f"--socket={place}/weir.sock", "--http=127.0.0.1:0", "--https=127.0.0.1:0",
                    "--admin=127.0.0.1:0", "--threads=2", "--metrics-compat=ingress-nginx", env=pod)
    metrics_ports = {"controller": controller.port("metrics"), "proxy": proxy.port("admin")}
    eventually(lambda: get(metrics_ports["proxy"], "/readyz")[0].status == 200, proxy.log)
    load.begin(proxy.port("http"))
    prometheus = Prometheus(place, metrics_ports.values())
    # A change, which has a way to go; and numbers of some scrapes.
    (place / "manifests/other.yaml").write_text(
        MANIFESTS.split("---")[2].replace("name: shop\n", "name: other\n").replace("path: /,", "path: /other,"))
    for one in ("weir_tunnels_closed_total", "weir_http_requests_total{code='500'}",
                "weir_config_propagation_duration_seconds_count > 0",
                "weir_http_request_duration_seconds_count{code_class='5xx'}"):
        eventually(lambda one=one: prometheus.query(f"count_over_time(({one})[1m:1s]) > 5"), lambda: one + proxy.log())


def tearDownModule():
    prometheus.program.stop()
    load.end()
    proxy.stop()
    controller.stop()
    folder.cleanup()


def at_default(expr):
    return re.sub(r"\$\w+", ".*", expr.replace("$__rate_interval", "1m"))


class Scrapes(unittest.TestCase):
    def test_both_targets_are_up(self):
        self.assertEqual({one["value"][1] for one in prometheus.query("up")}, {"1"})

    def test_the_text_is_as_promtool_wants_it(self):
        for name, port in metrics_ports.items():
            text = get(port, "/metrics")[1]
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
            # What it says of ingress-nginx's names is true, and nothing that weir can change.
            said = [line for line in done.stderr.splitlines() if not line.startswith("nginx_ingress_controller_")]
            self.assertEqual(said, [], name)

    def test_openmetrics_is_there_for_who_asks(self):
        for port in metrics_ports.values():
            answer, body = get(port, "/metrics", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
            self.assertEqual(answer.headers["Content-Type"],
                             "application/openmetrics-text; version=1.0.0; charset=utf-8")
            self.assertTrue(body.endswith("\n# EOF\n"))
            answer, body = get(port, "/metrics")
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            self.assertNotIn("# EOF", body)
        body = get(metrics_ports["proxy"], "/metrics", "application/openmetrics-text")[1]
        self.assertIn("# TYPE nginx_ingress_controller_requests unknown\n", body)
        self.assertIn("# TYPE weir_http_requests counter\n", body)

    def test_no_series_is_told_twice(self):
        for port in metrics_ports.values():
            series = [line.rsplit(" ", 1)[0] for line in get(port, "/metrics")[1].splitlines()
                      if not line.startswith("#")]
            self.assertEqual(len(series), len(set(series)))

    def test_everything_is_in_the_reference(self):
        page = (ROOT / "docs/metrics.md").read_text()
        for port in metrics_ports.values():
            for name in re.findall(r"^# TYPE (\S+)", get(port, "/metrics")[1], re.M):
                self.assertIn(f"`{name}`", page)


class Dashboards(unittest.TestCase):
    def test_each_panel_of_weirs_has_data(self):
        listed = subprocess.run([ROOT / "tools/dashboards", "--list"], check=True, capture_output=True, text=True)
        for one in json.loads(listed.stdout):
            with self.subTest(f"{one['dashboard']}: {one['panel']}"):
                found = prometheus.query(at_default(one["expr"]))
                if not one["rare"]:
                    self.assertNotEqual(found, [], one["expr"])

    def test_each_panel_of_ingress_nginxs_has_data(self):
        asked = json.loads((HERE / "ingress_nginx.json").read_text())
        for name, panels in asked["dashboards"].items():
            for panel, expressions in panels.items():
                for expr in expressions:
                    with self.subTest(f"{name}: {panel}"):
                        found = prometheus.query(at_default(expr))
                        if panel not in asked["empty"]:
                            self.assertNotEqual(found, [], expr)


class Alerts(unittest.TestCase):
    SELECTOR = re.compile(r"\b(?:weir|process|rest_client|leader_election)_\w+(?:\{[^}]*\})?")
    # They need an API server; tests/e2e has one.
    OF_CLUSTERS = ("rest_client_", "leader_election_", "weir_kube_last_event", "weir_controller_problems{")

    # Some of it fails, so that there are numbers of failures.
    OF_THE_LOAD = ("WeirHighErrorRatio", "WeirTunnelHandshakeFailures")

    def rules(self):
        return yaml.safe_load((ROOT / "charts/weir/files/alerts.yaml").read_text())["groups"][0]["rules"]

    def test_prometheus_evaluates_them(self):
        def health():
            groups = prometheus.get("rules")["data"]["groups"]
            return [(rule["name"], rule["health"], rule.get("lastError")) for group in groups for rule in group["rules"]]

        eventually(lambda: all(one[1] != "unknown" for one in health()), lambda: str(health()))
        self.assertEqual([one for one in health() if one[1] != "ok"], [])

    def test_they_are_silent_and_what_they_look_at_is_there(self):
        page = (ROOT / "docs/metrics.md").read_text()
        for rule in self.rules():
            with self.subTest(rule["alert"]):
                found = prometheus.query(rule["expr"])
                if rule["alert"] not in self.OF_THE_LOAD:
                    self.assertEqual(found, [], rule["expr"])
                for selector in self.SELECTOR.findall(rule["expr"]):
                    if selector.startswith(self.OF_CLUSTERS):
                        name = re.sub(r"(_bucket)?(\{.*)?$", "", selector)
                        self.assertIn(f"`{name}`", page)
                    else:
                        self.assertNotEqual(prometheus.query(selector), [], selector)


if __name__ == "__main__":
    unittest.main()
