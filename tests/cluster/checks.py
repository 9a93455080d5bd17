"""What is shown on the cluster, in this order. A check's first line of documentation is printed when it holds."""

import json
import os
import re
import select
import signal
import subprocess
import time
from contextlib import contextmanager

from bed import DRAIN, GRACE, ROOT, SECURE, SHOP, VALUES, expect, lines
from machine import Failed, eventually
from traffic import Requests, Target, Tunnels, get

TUNNELS = 500
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@contextmanager
def requests(bed, *targets, **how):
    """Steady requests while the body runs. None may fail."""
    steady = Requests(*(targets or (bed.target(SHOP), bed.target(SECURE, tls=True))), **how)
    try:
        yield steady
    finally:
        steady.end()
    expect(not steady.failures, "no failed request", lines(steady.failures))
    expect(steady.count() > 0, "requests that are answered", steady)


def all_open(tunnels, count, patience=60):
    expect(eventually(lambda: len(tunnels.open) == count, patience),
           f"{count} open tunnels", f"{len(tunnels.open)}; {lines(tunnels.failures)}")


@check
def restricted(bed):
    """a namespace that enforces the level `restricted` takes weir, and no plain Pod"""
    bed.add_namespace("weir")
    bed.kubectl("label", "namespace", "weir", "pod-security.kubernetes.io/enforce=restricted")
    plain = bed.kubectl("run", "plain", "--image=local/app:1", "--namespace=weir", check=False)
    expect("violates PodSecurity" in plain.stderr, "a plain Pod is refused", plain.stdout + plain.stderr)
    bed.before = identities(bed)
    bed.install("weir", "weir")
    pods = bed.weir_pods()
    expect(len(pods) == 2, "two Pods", len(pods))
    bed.helm("test", "weir", "--namespace", "weir", "--timeout", "2m")
    return "helm install and helm test"


@check
def served(bed):
    """an Ingress made with kubectl is served through the Service over HTTP, TLS and WebSocket, and has its address"""
    bed.add_namespace("shop")
    bed.add_application()
    bed.set_secret(SECURE, "secure", "first")
    bed.apply(bed.ingress("secure", SECURE, secret="secure"))
    bed.answers(bed.target(SECURE, tls=True), 200, "one")
    begin = time.monotonic()
    bed.apply(bed.ingress("shop", SHOP))
    bed.answers(bed.target(SHOP), 200, "one")
    took = time.monotonic() - begin
    name = bed.certificate_name(bed.target(SECURE, tls=True))
    expect(name == "first", "the certificate `first`", name)
    redirect = get(bed.target(SECURE))
    expect(redirect.status == 308, "a redirect to https", redirect)
    for target in (bed.target(SHOP), bed.target(SECURE, tls=True)):
        tunnels = Tunnels(target, 5, pause=0.2)
        all_open(tunnels, 5)
        expect(eventually(lambda one=tunnels: one.echoes >= 25), "echoes", tunnels.echoes)
        tunnels.end()
    for ingress in ("shop", "secure"):
        expect(eventually(lambda one=ingress: bed.status_addresses(one) == [bed.address()], 20),
               f"the address {bed.address()} in the status of {ingress}", bed.status_addresses(ingress))
    return f"{took:.2f} s from kubectl's start until it is served"


def answered_next(steady, count):
    """How many Pods answer the next `count` requests."""
    steady.answered.clear()
    more(steady, count)
    return len(steady.answered)


def more(steady, count):
    """So many more requests have been answered."""
    begin = steady.count()
    expect(eventually(lambda: steady.count() >= begin + count), f"{count} more answers", steady)


@check
def scaled(bed):
    """backends are scaled up and down under load without a failed request"""
    with requests(bed) as steady:
        for replicas in (5, 1, 2):
            bed.kubectl("scale", "deployment/app", "--namespace=shop", f"--replicas={replicas}")
            bed.rolled_out("deployment", "app", "shop")
            steady.answered.clear()
            expect(eventually(lambda count=replicas: len(steady.answered) >= count, 30),
                   f"answers of {replicas} Pods", steady.answered)
        # Those that are told to end are gone from the answers before they are gone.
        expect(eventually(lambda: answered_next(steady, 100) == 2, 30),
               "answers of the two Pods that are left", steady.answered)
    return f"1, 2 and 5 Pods; {steady.again} requests sent again"


@check
def rolled(bed):
    """backends are rolled under load: no failed request; tunnels move by Close frames before their Pods end"""
    bed.kubectl("annotate", "ingress/shop", "--namespace=shop", "weir.dev/tunnel-drain-window=5s")
    tunnels = Tunnels(bed.target(SHOP), 40, again=True)
    all_open(tunnels, 40)
    with requests(bed) as steady:
        bed.kubectl("patch", "deployment/app", "--namespace=shop", "--type=json", "--patch",
                    '[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":["two"]}]')
        bed.rolled_out("deployment", "app", "shop")
        expect(eventually(lambda: len(tunnels.ends) >= 40 and
                          all("two" in backend for backend in tunnels.open.values()), 60),
               "all tunnels on new Pods", lines(tunnels.open.values()))
    all_open(tunnels, 40)
    ends = [end.how for end in tunnels.ends]
    tunnels.end()
    expect(all(how.startswith("close 1001") for how in ends), "ends by Close 1001", lines(set(ends)))
    expect(not tunnels.failures, "every tunnel is opened anew at once", lines(tunnels.failures))
    return f"{steady}; {len(ends)} tunnels moved"


@check
def certificate(bed):
    """a certificate is rotated: new connections get the new one, tunnels stay"""
    target = bed.target(SECURE, tls=True)
    tunnels = Tunnels(target, 20, pause=0.5)
    all_open(tunnels, 20)
    with requests(bed, target):
        begin = time.monotonic()
        bed.set_secret(SECURE, "secure", "second")
        expect(eventually(lambda: bed.certificate_name(target) == "second", 30), "the certificate `second`",
               bed.certificate_name(target))
        took = time.monotonic() - begin
    echoes = tunnels.echoes
    expect(eventually(lambda: tunnels.echoes > echoes + 20), "echoes in the old tunnels", tunnels.echoes)
    expect(not tunnels.ends, "no tunnel ended", lines(tunnels.ends))
    tunnels.end()
    return f"after {took:.1f} s"


@check
def controller_killed(bed):
    """the controllers are killed: nothing that is open notices, and changes are taken as soon as they are back"""
    tunnels = Tunnels(bed.target(SHOP), 50, pause=0.5)
    all_open(tunnels, 50)
    with requests(bed) as steady:
        before = bed.weir_pods()
        for pod in before:
            os.kill(bed.process(pod, "controller"), signal.SIGKILL)
        bed.apply(bed.ingress("more", "more.example"))
        took = bed.answers(bed.target("more.example"), 200)
        expect(eventually(lambda: all(bed.restarts(pod, "controller") == 1 for pod in bed.weir_pods())),
               "each controller started again once", [bed.restarts(pod, "controller") for pod in bed.weir_pods()])
        pods = bed.weir_pods()
    expect(not tunnels.ends, "no tunnel ended", lines(tunnels.ends))
    tunnels.end()
    names = [sorted(pod["metadata"]["name"] for pod in some) for some in (before, pods)]
    expect(names[0] == names[1] and all(bed.restarts(pod, "proxy") == 0 for pod in pods),
           "the same Pods with the same proxies", names)
    expect(eventually(lambda: bed.status_addresses("more") == [bed.address()], 60), "its address in the status",
           bed.status_addresses("more"))
    bed.kubectl("delete", "ingress/more", "--namespace=shop")
    bed.answers(bed.target("more.example"), 404)
    return f"{steady}; a change made meanwhile was served after {took:.1f} s"


@check
def server_restarted(bed):
    """the API server is away for a while: nothing that is open notices, and changes are taken when it is back"""
    tunnels = Tunnels(bed.target(SHOP), 50, pause=0.5)
    all_open(tunnels, 50)
    before = [(bed.restarts(pod, "controller"), bed.restarts(pod, "proxy")) for pod in bed.weir_pods()]
    server = bed.machine.programs["kube-apiserver"]
    with requests(bed) as steady:
        server.end()
        served_before = steady.count()
        expect(eventually(lambda: steady.count() > served_before + 200), "requests are answered without API server",
               steady.count())
        server.start()
        bed.machine.wait_for_api()
        begin = time.monotonic()
        bed.apply(bed.ingress("more", "more.example"))
        bed.answers(bed.target("more.example"), 200)
        took = time.monotonic() - begin
    expect(not tunnels.ends, "no tunnel ended", lines(tunnels.ends))
    tunnels.end()
    pods = [(bed.restarts(pod, "controller"), bed.restarts(pod, "proxy")) for pod in bed.weir_pods()]
    expect(pods == before, f"as many starts of containers as before: {before}", pods)
    bed.kubectl("delete", "ingress/more", "--namespace=shop")
    return f"{steady}; a change made when it was ready was served after {took:.1f} s"


class Exits:
    """When the processes of Pods end, in which order."""

    def __init__(self, bed, pods):
        self.files = {}
        self.at = {}
        for pod in pods:
            for container in ("proxy", "controller"):
                pid = bed.process(pod, container)
                self.files[os.pidfd_open(pid)] = (pod["metadata"]["name"], container)

    def wait(self, patience):
        poll = select.poll()
        for file in self.files:
            poll.register(file, select.POLLIN)
        deadline = time.monotonic() + patience
        while len(self.at) < len(self.files) and time.monotonic() < deadline:
            for file, _ in poll.poll(1000):
                self.at[self.files[file]] = time.monotonic()
                poll.unregister(file)
        for file in self.files:
            os.close(file)
        expect(len(self.at) == len(self.files), "all old processes have ended",
               f"{len(self.at)} of {len(self.files)}")


@check
def weir_rolled(bed):
    """weir is rolled under 500 tunnels and steady requests: none fails, each tunnel ends by a Close frame in time"""
    old = bed.weir_pods()
    tunnels = Tunnels(bed.target(SECURE, tls=True), TUNNELS, pause=5)
    all_open(tunnels, TUNNELS, 120)
    exits = Exits(bed, old)
    with requests(bed) as steady:
        begin = time.monotonic()
        bed.kubectl("rollout", "restart", "deployment/weir", "--namespace=weir")
        exits.wait(4 * GRACE)
        bed.rolled_out("deployment", "weir", "weir")
        took = time.monotonic() - begin
        expect(eventually(lambda: not tunnels.open, 20), "all tunnels of the old Pods have ended", len(tunnels.open))
    expect(not tunnels.failures, "every tunnel could be opened", lines(tunnels.failures))
    ends = tunnels.ends
    tunnels.end()
    expect(len(ends) == TUNNELS, f"{TUNNELS} ends", len(ends))
    expect(all(end.how.startswith("close 1001") for end in ends), "each by Close 1001",
           lines(sorted({end.how for end in ends})))
    told = []
    for pod in old:
        name = pod["metadata"]["name"]
        proxy, controller = exits.at[(name, "proxy")], exits.at[(name, "controller")]
        expect(proxy < controller, "the proxy ends before the controller", f"{name}: {controller - proxy:.2f} s")
        told.append(f"{controller - proxy:.2f}")
    # Each Pod's own began at most DRAIN before its proxy's end. Both Pods' windows may touch.
    windows = sorted(at for (_, container), at in exits.at.items() if container == "proxy")
    outside = [end for end in ends if not any(at - DRAIN - 1 <= end.time <= at + 1 for at in windows)]
    expect(not outside, "ends within the drain windows", lines(f"{end.time - begin:.1f} s" for end in outside))
    most = max(sum(1 for end in ends if second <= end.time - begin < second + 1) for second in range(int(took) + 1))
    expect(most <= TUNNELS / 5, "ends that are spread", f"{most} in one second")
    return (f"{steady}; at most {most} ends in one second; in {took:.0f} s; controllers ended "
            f"{' and '.join(told)} s after their proxies")


@check
def moved_tunnels(bed):
    """tunnels whose clients come back are always taken, also while weir is rolled"""
    tunnels = Tunnels(bed.target(SHOP), 100, again=True)
    all_open(tunnels, 100)
    old = {pod["metadata"]["name"] for pod in bed.weir_pods()}
    bed.kubectl("rollout", "restart", "deployment/weir", "--namespace=weir")
    bed.rolled_out("deployment", "weir", "weir")
    expect(eventually(lambda: not old & {pod["metadata"]["name"] for pod in bed.pods(
        "weir", "app.kubernetes.io/component=controller")}, 3 * GRACE), "no old Pod is left", old)
    all_open(tunnels, 100)
    ends = tunnels.ends
    tunnels.end()
    expect(not tunnels.failures, "no handshake fails", lines(tunnels.failures))
    expect(all(end.how.startswith("close 1001") for end in ends), "ends by Close 1001",
           lines(sorted({end.how for end in ends})))
    return f"{len(ends)} came back"


@check
def drained(bed):
    """a node is drained: the PodDisruptionBudget keeps weir serving until Pods are ready elsewhere"""
    tunnels = Tunnels(bed.target(SHOP), 50, again=True)
    all_open(tunnels, 50)
    with requests(bed) as steady:
        # The only node there is: what is evicted waits for a place, and the last Pod must stay.
        drain = bed.kubectl("drain", "node", "--pod-selector=app.kubernetes.io/instance=weir",
                            "--delete-emptydir-data", "--timeout=75s", check=False)
        said = drain.stdout + drain.stderr
        expect(drain.returncode != 0 and "disruption budget" in said, "the budget holds the last Pod", said)
        ready = [pod for pod in bed.weir_pods() if pod["status"]["phase"] == "Running"]
        expect(len(ready) == 1, "one Pod serves", len(ready))
        bed.kubectl("uncordon", "node")
        bed.rolled_out("deployment", "weir", "weir")
    all_open(tunnels, 50)
    ends = [end.how for end in tunnels.ends]
    tunnels.end()
    expect(all(how.startswith("close 1001") for how in ends), "ends by Close 1001", lines(set(ends)))
    expect(not tunnels.failures, "no handshake fails", lines(tunnels.failures))
    return f"{steady}; {len(ends)} tunnels moved"


@check
def migrated(bed):
    """docs/migrate-from-ingress-nginx.md: its commands, in their order, without a failed request"""
    # ingress-nginx itself cannot be fetched here. What stands in for it has its names and its class,
    # and its way with the status: it is written without asking, and emptied in the end.
    bed.add_namespace("old-shop")
    bed.add_application("old-shop", name="old")
    bed.install("ingress-nginx", "ingress-nginx", STAND_IN)
    host = "old.example"
    bed.set_secret(host, "old", "old", "old-shop")
    bed.apply(bed.ingress("old", host, "old-shop", secret="old", ingress_class="nginx", service="old",
                          annotations={"nginx.ingress.kubernetes.io/proxy-read-timeout": "120"}))
    nginx = bed.target(host, tls=True, service="ingress-nginx-controller", namespace="ingress-nginx")
    bed.answers(nginx, 200, "old")
    write_status(bed, "old", [nginx.address])
    new = Target(bed.address(), host, tls=True)
    documented = blocks(ROOT / "docs/migrate-from-ingress-nginx.md")
    values = {"OLD_CHART": "charts/weir", "HOST": host, "NAMESPACE": "old-shop", "INGRESS": "old",
              "CURL_CA_BUNDLE": str(bed.machine.keys.certificate("ca"))}
    done = []
    with requests(bed, nginx, clients=4) as steady:
        for block in documented:
            if "helm uninstall ingress-nginx" in block:
                break
            done.append(shell(bed, block, values))
    expect(bed.certificate_name(new) == "old", "the same certificate", bed.certificate_name(new))
    with requests(bed, new, clients=4) as after:
        write_status(bed, "old", [])
        for block in documented[len(done):]:
            done.append(shell(bed, block, values))
            bed.installed.pop("ingress-nginx", None)
        expect(eventually(lambda: bed.status_addresses("old", "old-shop") == [new.address], 30),
               "weir's address in the status", bed.status_addresses("old", "old-shop"))
        more(after, 100)
    bed.kubectl("delete", "namespace", "old-shop", "ingress-nginx")
    bed.kubectl("delete", "ingressclass", "nginx")
    return f"{len(done)} blocks; {steady.count()} requests to the old one, {after.count()} to weir, none failed"


STAND_IN = {"fullnameOverride": "ingress-nginx-controller",
            "controller": {"replicaCount": 1, "updateStatus": False, "ingressClassResource": {
                "name": "nginx", "controllerValue": "k8s.io/ingress-nginx"}}}


def write_status(bed, name, addresses):
    status = {"status": {"loadBalancer": {"ingress": [{"ip": one} for one in addresses] or None}}}
    bed.kubectl("patch", "ingress", name, "--namespace=old-shop", "--subresource=status", "--type=merge", "--patch",
                json.dumps(status))


def blocks(file):
    """The commands of a page, block by block."""
    return re.findall(r"^```sh\n(.*?)^```", file.read_text(), re.M | re.S)


def shell(bed, block, values):
    folder = bed.folder / "migration"
    if not folder.exists():
        folder.mkdir()
        (folder / "charts").symlink_to(ROOT / "charts")
        (folder / "weir-values.yaml").write_text(json.dumps(VALUES))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=bed.env | values, text=True,
                          capture_output=True, timeout=400, check=False)
    if done.returncode != 0:
        raise Failed(f"the commands\n{block}ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@check
def namespaced(bed):
    """one who may make nothing outside of a namespace installs weir for it: it is served, and no other one"""
    bed.add_namespace("team")
    bed.add_application("team")
    account = "system:serviceaccount:team:installer"
    bed.kubectl("create", "role", "everything", "--namespace=team", "--verb=*", "--resource=*.*")
    bed.kubectl("create", "rolebinding", "installer", "--namespace=team", "--role=everything",
                "--serviceaccount=team:installer")
    classes = bed.kubectl("auth", "can-i", "create", "ingressclasses", f"--as={account}", check=False).stdout
    expect(classes.strip() == "no", "an account that may not make IngressClasses", classes)
    bed.install("team", "team", {
        "controller": {"scope": {"enabled": True}, "replicaCount": 1,
                       "ingressClassResource": {"enabled": False, "name": "team"}},
        "rbac": {"scope": True}, "crds": {"enabled": False}}, "--kube-as-user", account)
    bed.apply(bed.ingress("app", "team.example", "team", ingress_class="team"))
    where = {"service": "team-weir", "namespace": "team"}
    bed.answers(bed.target("team.example", **where), 200)
    expect(eventually(lambda: bed.status_addresses("app", "team") == [bed.address(*where.values())], 20),
           "its address in the status", bed.status_addresses("app", "team"))
    other = get(bed.target(SHOP, **where))
    expect(other.status == 404, "no other namespace is served", other)
    bed.uninstall("team")
    bed.kubectl("delete", "namespace", "team")


@check
def uninstalled(bed):
    """uninstalling leaves nothing behind (docs/operations.md: its commands, in their order)"""
    for block in blocks(ROOT / "docs/operations.md"):
        shell(bed, block, {})
    del bed.installed["weir"]
    left = eventually_nothing(lambda: sorted(identities(bed) - bed.before))
    expect(not left, "the objects from before", lines(left))
    expect(eventually(lambda: not bed.status_addresses("shop"), 10), "no address in the status",
           bed.status_addresses("shop"))


def eventually_nothing(what):
    eventually(lambda: not what(), 30, 1)
    return what()


def identities(bed):
    """Kind, namespace and name of all objects but those that come and go by themselves, and those of the checks."""
    kinds = bed.kubectl("api-resources", "--verbs=list", "--output=name").split()
    kinds = [one for one in kinds if one.split(".")[0] not in ("events", "componentstatuses", "ipaddresses")]
    found = bed.kubectl("get", ",".join(kinds), "--all-namespaces", "--output=custom-columns="
                        "KIND:.kind,NS:.metadata.namespace,NAME:.metadata.name", "--no-headers")
    rows = {tuple(line.split(None, 2)) for line in found.splitlines() if line.strip()}
    # Definitions of weir's own kinds stay on purpose: with them would go all objects of these kinds.
    rows = {row for row in rows if not (
        row[0] in ("CustomResourceDefinition", "APIService") and row[2].endswith(".weir.dev"))}
    return {row for row in rows if row[1] not in ("kube-node-lease", "shop", "old-shop", "team", "ingress-nginx")
            and row[2] not in ("shop", "old-shop", "team", "ingress-nginx", "kube-root-ca.crt", "default")}
