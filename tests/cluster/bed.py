"""What every check needs: kubectl, helm, the application behind weir, and a look at weir's own Pods."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

from machine import Failed, eventually, run
from traffic import Response, Target, get

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/weir"
SHOP, SECURE = "shop.example", "secure.example"  # in clear, and over TLS
# Short drains: a Pod has 60 s, of which 5 pass before listeners close; tunnels end within 9/10 of 35 s.
GRACE, DELAY, DRAIN = 60, 5, 35
VALUES = {"controller": {"terminationGracePeriodSeconds": GRACE, "minReadySeconds": 1},
          "proxy": {"drain": {"delaySeconds": DELAY}}}


def expect(true, expected, seen=""):
    if not true:
        raise Failed(f"expected: {expected}\nseen: {seen}")


def lines(items):
    items = list(items)
    return "\n".join([*map(str, items[:10]), *([f"… and {len(items) - 10} more"] if len(items) > 10 else [])])


class Bed:
    def __init__(self, machine, tools, folder):
        self.machine, self.tools = machine, Path(tools)
        self.folder = Path(folder)
        home = self.folder / "home"
        home.mkdir()
        path = self.folder / "bin"  # names as people type them
        path.mkdir()
        (path / "helm").symlink_to(self.tools / "helm4")
        (path / "weirctl").symlink_to(ROOT / "build/release/bin/weirctl")
        self.env = {"PATH": f"{path}:{machine.assets}/bin:{os.environ['PATH']}", "HOME": str(home),
                    "KUBECONFIG": str(machine.admin)}
        self.installed = {}  # namespace by release: whose logs are printed after a failure

    # -- commands -----------------------------------------------------------------------------------

    def kubectl(self, *arguments, given=None, check=True):
        return run("kubectl", *arguments, given=given, check=check, env=self.env)

    def helm(self, *arguments):
        return run("helm", *arguments, env=self.env, patience=300)

    def add_namespace(self, name):
        self.kubectl("create", "namespace", name)
        if not eventually(lambda: self.get("serviceaccount", "default", name)):  # without it there are no Pods
            raise Failed(f"namespace {name} got no account")

    def install(self, release, namespace, values=None, *flags):
        self.installed[release] = namespace
        file = self.folder / f"{release}-values.json"
        file.write_text(json.dumps(merged(VALUES, values or {})))
        self.helm("upgrade", "--install", release, CHART, "--namespace", namespace, "--create-namespace",
                  "--values", file, "--wait", "--timeout", "3m", *flags)

    def uninstall(self, release):
        namespace = self.installed.pop(release)
        self.helm("uninstall", release, "--namespace", namespace, "--wait", "--timeout", "3m")
        if not eventually(lambda: not self.pods(namespace, f"app.kubernetes.io/instance={release}")):
            raise Failed(f"Pods of {release} are left")

    def apply(self, *objects):
        self.kubectl("apply", "--filename", "-", given=json.dumps(
            {"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def get(self, kind, name=None, namespace=None):
        """The object, or the list of them; None: there is none."""
        where = ("--namespace", namespace) if namespace else ()
        done = self.kubectl("get", kind, *((name,) if name else ()), *where, "--output", "json", check=False)
        if done.returncode != 0:
            return None
        return json.loads(done.stdout) if name else json.loads(done.stdout)["items"]

    def pods(self, namespace, selector):
        answer = self.machine.ask("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        return answer.json.get("items", []) if answer.status == 200 else []

    def weir_pods(self, release="weir"):
        """Those that are there to stay."""
        found = self.pods(self.installed[release], f"app.kubernetes.io/instance={release},"
                          "app.kubernetes.io/component=controller")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def rolled_out(self, kind, name, namespace, timeout="150s"):
        self.kubectl("rollout", "status", f"{kind}/{name}", "--namespace", namespace, f"--timeout={timeout}")

    # -- the application ----------------------------------------------------------------------------

    def add_application(self, namespace="shop", replicas=2, version="one", name="app", drain="5s"):
        """A Deployment and its Service. Its Pods serve on for 8 s when they are told to end."""
        labels = {"app": name}
        self.apply(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
             "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                      "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 2}},
                      "template": {"metadata": {"labels": labels}, "spec": {
                          "terminationGracePeriodSeconds": 20,
                          "securityContext": {"runAsNonRoot": True, "runAsUser": 65532,
                                              "seccompProfile": {"type": "RuntimeDefault"}},
                          "containers": [{
                              "name": "app", "image": "local/app:1", "args": [version],
                              "ports": [{"containerPort": 8080}],
                              "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                              "lifecycle": {"preStop": {"sleep": {"seconds": 8}}},
                              "securityContext": {"allowPrivilegeEscalation": False,
                                                  "capabilities": {"drop": ["ALL"]}}}]}}}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
             "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        self.rolled_out("deployment", name, namespace)

    def ingress(self, name, host, namespace="shop", secret=None, ingress_class="weir", service="app", annotations=None):
        rule = {"host": host, "http": {"paths": [{
            "path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"name": "http"}}}}]}}
        return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
                "spec": {"ingressClassName": ingress_class, "rules": [rule]} |
                        ({"tls": [{"hosts": [host], "secretName": secret}]} if secret else {})}

    def certificate(self, host, name):
        """Files of a new key pair that the cluster's authority has signed for that host."""
        self.machine.keys.sign(name, f"/CN={name}", f"DNS:{host}")
        return self.machine.keys.certificate(name), self.machine.keys.key(name)

    def set_secret(self, host, name, certificate, namespace="shop"):
        """As people do it: the Secret `name` gets a new key pair for that host."""
        chain, key = self.certificate(host, certificate)
        made = self.kubectl("create", "secret", "tls", name, "--namespace", namespace, f"--cert={chain}",
                            f"--key={key}", "--dry-run=client", "--output=yaml")
        self.kubectl("apply", "--filename", "-", given=made)

    # -- what clients see ---------------------------------------------------------------------------

    def address(self, service="weir", namespace="weir"):
        """Of the load balancer."""
        def given():
            found = self.get("service", service, namespace)
            return ((found or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or [{}])[0].get("ip")

        return eventually(given) or _fail(f"Service {namespace}/{service} has no address")

    def target(self, host, tls=False, **service):
        return Target(self.address(**service), host, tls)

    def answers(self, target, status=200, body="", patience=60):
        """Waits until that is the answer; how long it took."""
        begin = time.monotonic()
        last = Response(0, "", {})

        def fits():
            nonlocal last
            last = get(target)
            return last.status == status and body in last.body

        if not eventually(fits, patience, 0.02):
            raise Failed(f"expected: {status} {body} for {target.host} from {target.address}\nseen: {last}")
        return time.monotonic() - begin

    def certificate_name(self, target):
        """The common name of the certificate that clients get, verified by the cluster's authority."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"{target.address}:443", "-servername", target.host,
                               "-verify_hostname", target.host, "-CAfile", self.machine.keys.certificate("ca")],
                              input="", text=True, capture_output=True, timeout=60, check=False)
        if "Verify return code: 0 (ok)" not in done.stdout:
            return "a certificate that does not verify"
        found = re.search(r"subject=.*?CN ?= ?([^,/\n]+)", done.stdout)
        return found[1].strip() if found else "none"

    def status_addresses(self, name, namespace="shop"):
        found = self.get("ingress", name, namespace) or {}
        return [one.get("ip") or one.get("hostname")
                for one in found.get("status", {}).get("loadBalancer", {}).get("ingress", [])]

    # -- weir's own processes -----------------------------------------------------------------------

    def process(self, pod, container):
        """Its id here: containers' processes are in this namespace of processes."""
        for kind in ("containerStatuses", "initContainerStatuses"):
            for one in pod["status"].get(kind, []):
                if one["name"] == container and "containerID" in one:
                    ident = one["containerID"].split("//")[1]
                    for line in self.machine.ctr("tasks", "ls").splitlines():
                        if line.startswith(ident):
                            return int(line.split()[1])
        raise Failed(f"{pod['metadata']['name']} has no running container {container}")

    def restarts(self, pod, container):
        for kind in ("containerStatuses", "initContainerStatuses"):
            for one in pod["status"].get(kind, []):
                if one["name"] == container:
                    return one["restartCount"]
        return 0

    # -- after a failure ----------------------------------------------------------------------------

    def report(self):
        """States and logs of the Pods."""
        parts = [self.kubectl("get", "pods,endpointslices,ingresses", "--all-namespaces", "--output=wide",
                              check=False).stdout,
                 self.kubectl("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp", check=False).stdout[-4000:]]
        for release, namespace in self.installed.items():
            for pod in self.pods(namespace, f"app.kubernetes.io/instance={release}"):
                name = pod["metadata"]["name"]
                for container in ("controller", "proxy"):
                    for which in ((), ("--previous",)):
                        said = self.kubectl("logs", name, "--namespace", namespace, "--container", container,
                                            "--tail=40", *which, check=False)
                        if said.returncode == 0 and said.stdout:
                            parts.append(f"-- {name} {container} {' '.join(which)}\n{said.stdout}")
        return "\n".join(parts)


def _fail(text):
    raise Failed(text)


def merged(base, more):
    """Values on top of values, as Helm does it."""
    both = dict(base)
    for name, value in more.items():
        both[name] = merged(both[name], value) if isinstance(value, dict) and isinstance(both.get(name), dict) else value
    return both
