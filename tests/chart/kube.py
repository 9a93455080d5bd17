"""A real etcd and kube-apiserver for the tests of this folder, and a client for them.

There is no controller-manager: Deployments make no Pods, and no account is made by itself.
"""

import base64
import contextlib
import http.client
import json
import os
import random
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.parse
from pathlib import Path

PATIENCE = 120  # seconds; the machine may be busy


def eventually(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def free_port():
    """None of those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Program:
    """A process whose output is a file. It ends with this one, however that ends."""

    def __init__(self, argv, log, **options):
        self.log = Path(log)
        with open(log, "wb") as out:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)], stdout=out,
                                            stderr=subprocess.STDOUT, **options)

    def runs(self):
        return self.process.poll() is None

    def said(self):
        return self.log.read_text(errors="replace")

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.json = body

    def __repr__(self):
        return f"{self.status} {self.json.get('message', '')}"


class Cluster:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-chart-")
        self.programs = []
        self.plurals = {}
        assets = Path(os.environ["KUBEBUILDER_ASSETS"])
        try:
            self.make_keys()
            self.start(assets / "etcd", self.etcd_flags)
            self.port = self.start(assets / "kube-apiserver", self.server_flags)[0]
            if not eventually(lambda: self.request("GET", "/api/v1/namespaces/default").status == 200):
                raise RuntimeError("kube-apiserver made no namespace default")
        except BaseException:
            self.end()
            raise

    def end(self):
        for program in reversed(self.programs):
            program.end()
        self.folder.cleanup()

    def file(self, name):
        return Path(self.folder.name, name)

    def make_keys(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        openssl("req", "-x509", *curve, "-subj", "/CN=ca", "-keyout", self.file("ca.key"), "-out",
                self.file("ca.crt"))
        for name, subject, extension in (
                ("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
                ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")):
            openssl("req", "-x509", *curve, "-subj", subject, "-CA", self.file("ca.crt"), "-CAkey",
                    self.file("ca.key"), "-addext", extension, "-addext", "basicConstraints=critical,CA:FALSE",
                    "-keyout", self.file(f"{name}.key"), "-out", self.file(f"{name}.crt"))
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.file("sa.key"))
        openssl("pkey", "-in", self.file("sa.key"), "-pubout", "-out", self.file("sa.pub"))
        self.tls = ssl.create_default_context(cafile=self.file("ca.crt"))
        self.tls.load_cert_chain(self.file("admin.crt"), self.file("admin.key"))

    def start(self, program, flags):
        """Its ports. One may be taken between being found free and being bound: then others are tried."""
        for _ in range(10):
            ports = (free_port(), free_port())
            running = Program([program, *flags(*ports)], self.file(program.name + ".log"))
            ready = eventually(lambda: not running.runs() or self.is_ready(program.name, ports[0]))
            if ready and running.runs():
                self.programs.append(running)
                return ports
            running.end()
            if "address already in use" not in running.said():
                raise RuntimeError(f"{program.name} did not start:\n{running.said()[-4000:]}")
        raise RuntimeError(f"{program.name} found no free port")

    def is_ready(self, name, port):
        if name == "etcd":
            path, connection = "/health", http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        else:
            path, connection = "/readyz", http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=self.tls)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                with connection.getresponse() as answer:
                    return answer.status == 200
            except OSError:
                return False

    def etcd_flags(self, client, peer):
        self.etcd_port = client
        return [f"--data-dir={self.file('etcd')}", f"--listen-client-urls=http://127.0.0.1:{client}",
                f"--advertise-client-urls=http://127.0.0.1:{client}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=default=http://127.0.0.1:{peer}", "--unsafe-no-fsync", "--log-level=warn"]

    def server_flags(self, port, _):
        return [f"--etcd-servers=http://127.0.0.1:{self.etcd_port}", "--bind-address=127.0.0.1",
                f"--secure-port={port}", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
                f"--tls-cert-file={self.file('server.crt')}",
                f"--tls-private-key-file={self.file('server.key')}", f"--client-ca-file={self.file('ca.crt')}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self.file('sa.pub')}",
                f"--service-account-signing-key-file={self.file('sa.key')}",
                "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC",
                "--allow-privileged=true", "--disable-admission-plugins=ServiceAccount,Priority,RuntimeClass",
                "--profiling=false"]

    def request(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=self.tls)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": kind, "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        try:
            return Answer(answer.status, json.loads(text))
        except ValueError:
            return Answer(answer.status, {"message": text.decode(errors="replace")})

    def path_of(self, one):
        """Where the objects of its kind are."""
        version = one["apiVersion"]
        if version not in self.plurals:
            answer = self.request("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
            if answer.status != 200:
                raise RuntimeError(f"{version}: {answer}")
            self.plurals[version] = {kind["kind"]: (kind["name"], kind["namespaced"])
                                     for kind in answer.json["resources"] if "/" not in kind["name"]}
        plural, namespaced = self.plurals[version][one["kind"]]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if namespaced:
            path += f"/namespaces/{one['metadata']['namespace']}"
        return f"{path}/{plural}"

    def apply(self, one, dry_run=False):
        """By the server, as Helm 4 and `kubectl apply --server-side` do, and with no unknown field."""
        query = {"fieldManager": "chart-test", "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", f"{self.path_of(one)}/{one['metadata']['name']}?{urllib.parse.urlencode(query)}",
                            one, "application/apply-patch+yaml")

    def try_create(self, one):
        """What would be answered to one who creates it."""
        return self.request("POST", self.path_of(one) + "?dryRun=All&fieldValidation=Strict", one)

    def add_namespace(self, name, labels=None):
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})

    def allows(self, account, verb, resource, group="", namespace="", name="", subresource=""):
        namespace_of_it, name_of_it = account.split("/")
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": f"system:serviceaccount:{namespace_of_it}:{name_of_it}",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": {"verb": verb, "resource": resource, "group": group, "namespace": namespace,
                                   "name": name, "subresource": subresource}}}
        answer = self.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return answer.json["status"]["allowed"]

    def account_kubeconfig(self, account):
        """A file with a token of that account, NAMESPACE/NAME."""
        namespace, name = account.split("/")
        token = self.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
                             {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                              "spec": {"expirationSeconds": 3600}}).json["status"]["token"]
        return self.kubeconfig(f"{namespace}-{name}", {"token": token})

    def admin_kubeconfig(self):
        return self.kubeconfig("admin", {"client-certificate": str(self.file("admin.crt")),
                                         "client-key": str(self.file("admin.key"))})

    def kubeconfig(self, of, user):
        ca = base64.b64encode(self.file("ca.crt").read_bytes()).decode()
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "test",
                  "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{self.port}",
                                                            "certificate-authority-data": ca}}],
                  "users": [{"name": "test", "user": user}],
                  "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}
        file = self.file(f"{of}.kubeconfig")
        file.write_text(json.dumps(config))
        return file
