"""A Kubernetes cluster of one node, of programs of this machine, in namespaces of its own.

Whoever imports this is in new network, mount and process namespaces already (see `run`): that network
is outside of the cluster, where clients are. The node has a second one, at the other end of a pair of
virtual interfaces. Nothing leads from there to the machine's own network.

    client 10.77.0.1 ──────── node 10.77.0.2 ──bridge── Pods 10.244.0.0/24
                              Services 10.96.0.0/16, load balancers 10.77.20.0/24
"""

import base64
import contextlib
import http.client
import json
import os
import resource
import ssl
import subprocess
import threading
import time
from pathlib import Path

CLIENT, NODE, API_PORT = "10.77.0.1", "10.77.0.2", 6443
PODS, SERVICES, BALANCERS = "10.244.0.0/24", "10.96.0.0/16", "10.77.20.0/24"
API_ADDRESS = "10.96.0.1"  # the Service `kubernetes`, the first one of SERVICES
PATIENCE = 120  # seconds; the machine may be busy


class Failed(Exception):
    """What was expected, and what was seen."""


def eventually(true, patience=PATIENCE, pause=0.1):
    """What `true` says in the end: something true, or else the last thing that it said."""
    deadline = time.monotonic() + patience
    while True:
        said = true()
        if said or time.monotonic() > deadline:
            return said
        time.sleep(pause)


def run(*argv, given=None, check=True, env=None, patience=PATIENCE):
    """What it prints; Failed with all it said, if it fails."""
    done = subprocess.run([str(one) for one in argv], input=given, text=True, capture_output=True,
                          env=env, timeout=patience + 60, check=False)
    if check and done.returncode != 0:
        command = " ".join(str(one) for one in argv)
        raise Failed(f"{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout if check else done


class Program:
    """A process whose output is a file."""

    def __init__(self, name, argv, folder, env=None, node=None):
        self.log = Path(folder, f"{name}.log")
        self.argv = [str(one) for one in argv]
        if node:
            # Not `ip netns exec`: that mounts /sys anew, without the control groups.
            self.argv = ["nsenter", f"--net=/proc/{node}/ns/net", "--", *self.argv]
        self.env = env
        self.start()

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self.env, start_new_session=True)

    def runs(self):
        return self.process.poll() is None

    def end(self, patience=20):
        if not self.runs():
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def said(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Keys:
    """The cluster's authority, and what it has signed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self._openssl("req", "-x509", *self._curve(), "-subj", "/CN=cluster", "-keyout", self.key("ca"),
                      "-out", self.certificate("ca"))
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key("sa"))
        self._openssl("pkey", "-in", self.key("sa"), "-pubout", "-out", self.folder / "sa.pub")

    @staticmethod
    def _curve():
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")

    @staticmethod
    def _openssl(*arguments):
        run("openssl", *arguments)

    def key(self, name):
        return self.folder / f"{name}.key"

    def certificate(self, name):
        return self.folder / f"{name}.crt"

    def sign(self, name, subject, *names):
        """A server's certificate, if it has names."""
        extension = "subjectAltName=" + ",".join(names) if names else "extendedKeyUsage=clientAuth"
        self._openssl("req", "-x509", *self._curve(), "-subj", subject, "-CA", self.certificate("ca"), "-CAkey",
                      self.key("ca"), "-addext", extension, "-addext", "basicConstraints=critical,CA:FALSE",
                      "-keyout", self.key(name), "-out", self.certificate(name))

    def kubeconfig(self, name, subject):
        """A file for one who has that subject."""
        self.sign(name, subject)

        def inline(file):
            return base64.b64encode(file.read_bytes()).decode()

        config = {"apiVersion": "v1", "kind": "Config", "current-context": "weir",
                  "clusters": [{"name": "weir", "cluster": {"server": f"https://{NODE}:{API_PORT}",
                                                            "certificate-authority-data":
                                                                inline(self.certificate("ca"))}}],
                  "users": [{"name": name, "user": {"client-certificate-data": inline(self.certificate(name)),
                                                    "client-key-data": inline(self.key(name))}}],
                  "contexts": [{"name": "weir", "context": {"cluster": "weir", "user": name}}]}
        file = self.folder / f"{name}.kubeconfig"
        file.write_text(json.dumps(config))
        file.chmod(0o600)
        return file


class Machine:
    """Brings the cluster up. `assets`: of tools/cluster-assets; `api`: of tools/kube-assets."""

    def __init__(self, folder, assets, api):
        self.folder = Path(folder)
        self.assets, self.api = Path(assets), Path(api)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.programs = {}
        self.balancer = None
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))

    # -- up -----------------------------------------------------------------------------------------

    def start(self):
        for path in ("/run", "/var/lib", "/var/log"):  # what these programs write there goes with the namespace
            run("mount", "-t", "tmpfs", "tmpfs", path)
        self.make_networks()
        self.keys = Keys(self.folder / "keys")
        self.keys.sign("server", "/CN=kube-apiserver", f"IP:{NODE}", f"IP:{API_ADDRESS}", "DNS:kubernetes",
                       "DNS:kubernetes.default", "DNS:kubernetes.default.svc")
        self.keys.sign("to-kubelet", "/O=system:masters/CN=kube-apiserver")
        self.admin = self.keys.kubeconfig("admin", "/O=system:masters/CN=admin")
        self.tls = ssl.create_default_context(cafile=self.keys.certificate("ca"))
        self.tls.load_cert_chain(self.keys.certificate("admin"), self.keys.key("admin"))
        self.start_containerd()
        self.start_control_plane()
        self.start_node()

    def make_networks(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        if not eventually(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own):
            raise Failed("unshare made no network namespace for the node")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "node", "type", "veth", "peer", "name", "eth0", "netns", self.holder.pid)
        run("ip", "address", "add", f"{CLIENT}/24", "dev", "node")
        run("ip", "link", "set", "node", "up")
        for network in (PODS, SERVICES, BALANCERS):
            run("ip", "route", "add", network, "via", NODE)
        self.in_node("ip", "link", "set", "lo", "up")
        self.in_node("ip", "address", "add", f"{NODE}/24", "dev", "eth0")
        self.in_node("ip", "link", "set", "eth0", "up")
        self.in_node("ip", "route", "add", "default", "via", CLIENT)
        # Answers from a Pod to another one on the same bridge must pass the rules of Services, too.
        for name in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables"):
            self.in_node("sh", "-c", f"echo 1 >/proc/sys/net/{name}")

    def in_node(self, *argv):
        return run("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *argv)

    def launch(self, name, *flags, program=None, env=None):
        self.programs[name] = Program(name, [program or self.assets / "bin" / name, *flags], self.logs,
                                      {"PATH": f"{self.assets}/bin:{os.environ['PATH']}"} | (env or {}),
                                      self.holder.pid)

    def start_control_plane(self):
        keys, etcd = self.keys, f"http://{NODE}:2379"
        self.launch("etcd", f"--data-dir={self.folder}/etcd", f"--listen-client-urls={etcd}",
                    f"--advertise-client-urls={etcd}", f"--listen-peer-urls=http://{NODE}:2380",
                    f"--initial-advertise-peer-urls=http://{NODE}:2380",
                    f"--initial-cluster=default=http://{NODE}:2380", "--unsafe-no-fsync", "--log-level=warn",
                    program=self.api / "etcd")
        self.launch("kube-apiserver", f"--etcd-servers={etcd}", f"--bind-address={NODE}",
                    f"--secure-port={API_PORT}", f"--advertise-address={NODE}",
                    f"--tls-cert-file={keys.certificate('server')}", f"--tls-private-key-file={keys.key('server')}",
                    f"--client-ca-file={keys.certificate('ca')}",
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-key-file={keys.folder}/sa.pub",
                    f"--service-account-signing-key-file={keys.key('sa')}",
                    f"--service-cluster-ip-range={SERVICES}", "--authorization-mode=Node,RBAC",
                    "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
                    f"--kubelet-client-certificate={keys.certificate('to-kubelet')}",
                    f"--kubelet-client-key={keys.key('to-kubelet')}",
                    "--kubelet-preferred-address-types=InternalIP", "--profiling=false",
                    program=self.api / "kube-apiserver")
        self.wait_for_api()
        manager = keys.kubeconfig("controller-manager", "/CN=system:kube-controller-manager")
        self.launch("kube-controller-manager", f"--kubeconfig={manager}", "--use-service-account-credentials",
                    f"--root-ca-file={keys.certificate('ca')}",
                    f"--service-account-private-key-file={keys.key('sa')}",
                    f"--cluster-signing-cert-file={keys.certificate('ca')}",
                    f"--cluster-signing-key-file={keys.key('ca')}", "--leader-elect=false", f"--bind-address={NODE}")
        scheduler = keys.kubeconfig("scheduler", "/CN=system:kube-scheduler")
        self.launch("kube-scheduler", f"--kubeconfig={scheduler}", "--leader-elect=false", f"--bind-address={NODE}")

    def wait_for_api(self):
        if not eventually(lambda: self.ask("GET", "/readyz").status == 200):
            raise Failed(f"kube-apiserver is not ready:\n{self.programs['kube-apiserver'].said()}")

    def start_containerd(self):
        cni = self.folder / "cni"
        cni.mkdir()
        (cni / "pods.conflist").write_text(json.dumps({
            "cniVersion": "1.0.0", "name": "pods", "plugins": [
                {"type": "bridge", "bridge": "pods", "isGateway": True, "isDefaultGateway": True, "hairpinMode": True,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]]}}]}))
        config = self.folder / "containerd.toml"
        off = ", ".join(f'"io.containerd.snapshotter.v1.{name}"' for name in ("aufs", "btrfs", "devmapper", "zfs"))
        # Root may lack the right to lower a process's oom_score_adj.
        config.write_text(f"""version = 2
root = "{self.folder}/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [{off}]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/local/app:1"
restrict_oom_score_adj = true
disable_apparmor = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{self.assets}/cni"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{self.assets}/bin/runc"
SystemdCgroup = false
""")
        self.launch("containerd", f"--config={config}")
        if not eventually(lambda: self.ctr("version", check=False).returncode == 0):
            raise Failed(f"containerd does not answer:\n{self.programs['containerd'].said()}")

    def ctr(self, *arguments, check=True):
        return run(self.assets / "bin/ctr", "--address=/run/containerd/containerd.sock", "--namespace=k8s.io",
                   *arguments, check=check)

    def import_image(self, archive):
        self.ctr("images", "import", archive)

    def start_node(self):
        keys = self.keys
        config = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                  "address": NODE, "failCgroupV1": False, "cgroupDriver": "cgroupfs", "failSwapOn": False,
                  "oomScoreAdj": 0, "resolvConf": "", "clusterDomain": "cluster.local", "clusterDNS": [NODE],
                  "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
                  "volumePluginDir": f"{self.folder}/volume-plugins",
                  "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                                     "x509": {"clientCAFile": str(keys.certificate("ca"))}},
                  "authorization": {"mode": "Webhook"},
                  # An image that is thrown away cannot be pulled again.
                  "imageGCHighThresholdPercent": 100,
                  "evictionHard": {"memory.available": "1%", "nodefs.available": "1%", "imagefs.available": "1%",
                                   "nodefs.inodesFree": "1%"}}
        file = self.folder / "kubelet.json"
        file.write_text(json.dumps(config))
        node = keys.kubeconfig("node", "/O=system:nodes/CN=system:node:node")
        self.launch("kubelet", f"--config={file}", f"--kubeconfig={node}", "--hostname-override=node",
                    f"--node-ip={NODE}", f"--root-dir={self.folder}/kubelet", f"--cert-dir={self.folder}/kubelet-keys")
        config = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
                  "clientConnection": {"kubeconfig": str(keys.kubeconfig("kube-proxy", "/CN=system:kube-proxy"))},
                  "mode": "nftables", "clusterCIDR": PODS, "hostnameOverride": "node", "oomScoreAdj": 0,
                  "nftables": {"syncPeriod": "30s", "minSyncPeriod": "0s"},
                  # Which cannot be written in a namespace.
                  "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s",
                                "tcpCloseWaitTimeout": "0s"}}
        file = self.folder / "kube-proxy.json"
        file.write_text(json.dumps(config))
        self.launch("kube-proxy", f"--config={file}")
        file = self.folder / "Corefile"
        dns = keys.kubeconfig("coredns", "/O=system:masters/CN=coredns")
        file.write_text(f".:53 {{\n  errors\n  cache 2\n"
                        f"  kubernetes cluster.local {{\n    kubeconfig {dns}\n    ttl 2\n  }}\n}}\n")
        self.launch("coredns", f"-conf={file}")
        self.balancer = Balancer(self)
        if not eventually(self.node_is_ready):
            raise Failed(f"the node is not ready:\n{self.programs['kubelet'].said()}")
        self.check_programs()

    def node_is_ready(self):
        answer = self.ask("GET", "/api/v1/nodes/node")
        conditions = answer.json.get("status", {}).get("conditions", []) if answer.status == 200 else []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    # -- at work ------------------------------------------------------------------------------------

    def ask(self, method, path, body=None, kind="application/json"):
        """The API server's answer; of status 0 if there is none."""
        connection = http.client.HTTPSConnection(NODE, API_PORT, timeout=30, context=self.tls)
        with contextlib.closing(connection):
            try:
                connection.request(method, path, None if body is None else json.dumps(body),
                                   {"Content-Type": kind, "Accept": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                return Answer(0, {"message": str(error)})
        try:
            return Answer(answer.status, json.loads(text))
        except ValueError:
            return Answer(answer.status, {"message": text.decode(errors="replace")})

    def check_programs(self):
        for name, program in self.programs.items():
            if not program.runs():
                raise Failed(f"{name} has ended:\n{program.said()}")

    # -- down ---------------------------------------------------------------------------------------

    def end(self):
        """In order, as far as that goes quickly. What is left ends with the namespace of processes."""
        if self.balancer:
            self.balancer.end()
        for name in ("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler", "coredns"):
            if name in self.programs and self.programs[name].runs():
                self.programs[name].process.terminate()
        for name in ("kubelet", "kube-apiserver", "etcd"):
            if name in self.programs:
                self.programs[name].end(5)


class Answer:
    def __init__(self, status, body):
        self.status, self.json = status, body

    def __repr__(self):
        return f"{self.status} {self.json.get('message', '')}"


class Balancer:
    """The cloud: gives each Service of type LoadBalancer an address, to which kube-proxy then listens."""

    def __init__(self, machine):
        self.machine = machine
        self.ended = threading.Event()
        self.given = {}
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.ended.wait(0.2):
            answer = self.machine.ask("GET", "/api/v1/services")
            for one in answer.json.get("items", []) if answer.status == 200 else []:
                if one["spec"]["type"] == "LoadBalancer" and not one["status"]["loadBalancer"].get("ingress"):
                    self.give(one["metadata"])

    def give(self, metadata):
        name = f"{metadata['namespace']}/{metadata['name']}"
        address = self.given.setdefault(name, f"10.77.20.{len(self.given) + 1}")
        self.machine.ask("PATCH", f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status",
                         {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}},
                         "application/merge-patch+json")

    def end(self):
        self.ended.set()
        self.thread.join(5)
