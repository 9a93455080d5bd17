"""What a real API server, and weir's own programs, say of what the chart renders."""

import functools
import os
import re
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from chart import CHART, HELMS, ROOT, VALUES, VARIANTS, Objects, helm, objects_of, pod_of, render
from kube import Cluster, Program, eventually, free_port

BIN = Path(os.environ["WEIR_BUILD"]) / "bin"
CRDS = ROOT / "tests/chart/monitoring-crds.yaml"
MANIFESTS = ("cloud.yaml", "bare-metal.yaml", "sidecar/sidecar.yaml")


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def manifests(name):
    return Objects(objects_of((ROOT / "deploy" / name).read_text()))


def setUpModule():
    cluster = WithCluster.cluster = Cluster()
    unittest.addModuleCleanup(cluster.end)
    for crd in objects_of(CRDS.read_text()):
        assert cluster.apply(crd).status == 201, crd["metadata"]["name"]
    assert eventually(lambda: cluster.request("GET", "/apis/monitoring.coreos.com/v1").status == 200)
    for name in ("weir", "team-a", "team-b", "edge-system", "edge-config", "monitoring"):
        cluster.add_namespace(name)
    cluster.add_namespace("restricted", {"pod-security.kubernetes.io/enforce": "restricted",
                                         "pod-security.kubernetes.io/enforce-version": "latest"})


class WithCluster(unittest.TestCase):
    def assert_taken(self, answer, of):
        self.assertIn(answer.status, (200, 201), f"{of}: {answer}")


class DryRun(WithCluster):
    def test_the_server_takes_every_object_of_every_variant(self):
        for variant in VARIANTS:
            for one in render(variant):
                name = f"{variant}: {one['kind']} {one['metadata']['name']}"
                with self.subTest(name):
                    self.assert_taken(self.cluster.apply(one | {"metadata": {"namespace": "weir"} | one["metadata"]},
                                                         dry_run=True), name)

    def test_it_takes_the_plain_manifests(self):
        for name in MANIFESTS:
            for one in manifests(name):
                with self.subTest(f"{name}: {one['kind']} {one['metadata']['name']}"):
                    placed = one | {"metadata": {"namespace": "weir"} | one["metadata"]}
                    self.assert_taken(self.cluster.apply(placed, dry_run=True), name)

    def test_it_would_find_a_wrong_field(self):
        wrong = render("default").workload
        wrong = wrong | {"spec": wrong["spec"] | {"replica": 2}}
        answer = self.cluster.apply(wrong, dry_run=True)
        self.assertGreaterEqual(answer.status, 400)
        self.assertIn(".spec.replica:", answer.json["message"])

    def test_pods_pass_the_restricted_level(self):
        pods = {}
        for variant in VARIANTS:
            if not variant.startswith("host-"):
                objects = render(variant)
                pods[variant] = pod_of(objects.workload["spec"]["template"], "pod", "restricted")
                for test in objects.all("Pod"):
                    pods[f"{variant}: {test['metadata']['name']}"] = test | {
                        "metadata": test["metadata"] | {"namespace": "restricted"}}
        for name in ("cloud.yaml", "sidecar/sidecar.yaml"):
            pods[name] = pod_of(manifests(name).workload["spec"]["template"], "pod", "restricted")
        self.assertGreater(len(pods), 10)
        for name, pod in pods.items():
            with self.subTest(name):
                self.assert_taken(self.cluster.try_create(pod), name)

    def test_pods_with_ports_of_the_node_do_not(self):
        for variant in ("host-port", "host-network"):
            pod = pod_of(render(variant).workload["spec"]["template"], "pod", "restricted")
            answer = self.cluster.try_create(pod)
            self.assertEqual(answer.status, 403)
            self.assertRegex(answer.json["message"], "violates PodSecurity.*host")
            self.assert_taken(self.cluster.try_create(pod | {"metadata": pod["metadata"] | {"namespace": "weir"}}),
                              variant)


class Releases(WithCluster):
    """Without a controller-manager no Pod comes of them: Helm does not wait."""

    def remove_definitions(self):
        """How many there were. Other tests of this cluster may have left some."""
        removed = 0
        for plural in ("tunnelpolicies", "backendpolicies", "weirconfigs"):
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.weir.dev"
            removed += self.cluster.request("DELETE", path).status == 200
            self.assertTrue(eventually(lambda path=path: self.cluster.request("GET", path).status == 404))
        return removed

    def setUp(self):
        self.remove_definitions()

    def test_both_helms_install_change_and_remove_one(self):
        kubeconfig = self.cluster.admin_kubeconfig()
        told = set()
        for which in HELMS:
            self.cluster.add_namespace(which)

            def run(*arguments):
                return helm(which, *arguments, "--namespace", which, kubeconfig=kubeconfig)

            def replicas():
                answer = self.cluster.request("GET", f"/apis/apps/v1/namespaces/{which}/deployments/weir")
                return answer.json["spec"]["replicas"] if answer.status == 200 else None

            values = ("--values", VALUES / "ingress-nginx.yaml")
            told.add(run("install", "weir", CHART, *values).split("NOTES:")[1].replace(which, ""))
            self.assertEqual(replicas(), 3)
            run("upgrade", "weir", CHART, *values, "--set", "controller.replicaCount=5")
            self.assertEqual(replicas(), 5)
            run("rollback", "weir", "1")
            self.assertEqual(replicas(), 3)
            run("uninstall", "weir")
            self.assertIsNone(replicas())
            # The definitions stay, with what was made by them.
            self.assertEqual(self.remove_definitions(), 3)
        self.assertEqual(len(told), 1, told)

    def test_the_definitions_belong_to_one_release(self):
        kubeconfig = self.cluster.admin_kubeconfig()
        for namespace in ("first", "second"):
            self.cluster.add_namespace(namespace)
            told = helm("helm4", "install", "weir", CHART, "--namespace", namespace, "--set",
                        "controller.ingressClassResource.enabled=false", kubeconfig=kubeconfig)
            self.assertEqual("not of this release" in told, namespace == "second", told)
        helm("helm4", "upgrade", "weir", CHART, "--namespace", "first", "--reuse-values", kubeconfig=kubeconfig)
        for namespace in ("second", "first"):
            helm("helm4", "uninstall", "weir", "--namespace", namespace, kubeconfig=kubeconfig)


class Permissions(WithCluster):
    def grant(self, variant):
        for one in render(variant):
            if one["kind"] in ("ServiceAccount", "ConfigMap") or one["apiVersion"].startswith("rbac"):
                self.assert_taken(self.cluster.apply(one), variant)

    def test_in_the_whole_cluster(self):
        self.grant("default")
        allows = functools.partial(self.cluster.allows, "weir/weir")
        self.assertTrue(eventually(lambda: allows("list", "secrets")))
        for resource, group in (("ingresses", "networking.k8s.io"), ("ingressclasses", "networking.k8s.io"),
                                ("endpointslices", "discovery.k8s.io"), ("services", ""), ("configmaps", "")):
            self.assertTrue(allows("watch", resource, group), resource)
        self.assertTrue(allows("patch", "ingresses", "networking.k8s.io", namespace="a", subresource="status"))
        self.assertTrue(allows("create", "events", "events.k8s.io", namespace="a"))
        lease = {"group": "coordination.k8s.io", "namespace": "weir"}
        self.assertTrue(allows("create", "leases", **lease))
        self.assertTrue(allows("update", "leases", name="weir-leader", **lease))
        self.assertTrue(allows("list", "pods", namespace="weir"))
        self.assertFalse(allows("list", "pods", namespace="team-a"))
        self.assertFalse(allows("update", "leases", name="other", **lease))
        self.assertFalse(allows("create", "leases", "coordination.k8s.io", namespace="team-a"))
        for verb, resource in (("update", "secrets"), ("create", "pods"), ("delete", "services")):
            self.assertFalse(allows(verb, resource, namespace="weir"), f"{verb} {resource}")
        self.assertFalse(allows("update", "ingresses", "networking.k8s.io", namespace="a"))

    def test_in_one_namespace(self):
        objects = render("namespaced")
        # Another account than that of the whole cluster.
        for one in objects:
            if one["apiVersion"].startswith("rbac"):
                for subject in one.get("subjects", []):
                    subject["name"] = "alone"
                self.assert_taken(self.cluster.apply(one), one["metadata"]["name"])
        allows = functools.partial(self.cluster.allows, "weir/alone")
        self.assertTrue(eventually(lambda: allows("list", "secrets", namespace="team-a")))
        self.assertFalse(allows("list", "secrets", namespace="team-b"))
        self.assertFalse(allows("list", "secrets"))
        self.assertFalse(allows("list", "secrets", namespace="weir"))
        self.assertTrue(allows("get", "services", namespace="weir", name="weir"))
        self.assertFalse(allows("get", "services", namespace="weir", name="other"))
        self.assertTrue(allows("patch", "ingresses", "networking.k8s.io", namespace="team-a", subresource="status"))
        self.assertTrue(allows("create", "leases", "coordination.k8s.io", namespace="weir"))


class Programs(WithCluster):
    """weir's own, with the flags that the chart gives them."""

    def run_program(self, folder, name, args, environment=None):
        program = Program([BIN / name, *args], Path(folder, name + ".log"),
                          env={"PATH": os.environ["PATH"]} | (environment or {}))
        self.addCleanup(program.end)
        return program

    def said_port(self, program, what):
        pattern = re.compile(what + r" listening on .*:(\d+)")
        self.assertTrue(eventually(lambda: pattern.search(program.said()) or not program.runs()), program.said())
        found = pattern.search(program.said())
        self.assertTrue(found, program.said())
        return int(found[1])

    def assert_answers(self, program, port, path, status):
        eventually(lambda: not program.runs() or status_of(f"http://127.0.0.1:{port}{path}") == status)
        self.assertEqual(status_of(f"http://127.0.0.1:{port}{path}"), status, program.said())

    def test_they_become_ready_with_the_account_of_the_chart(self):
        objects = render("default")
        for one in objects:
            if one["kind"] not in ("Pod", "Deployment", "PodDisruptionBudget"):
                self.assert_taken(self.cluster.apply(one), one["kind"])
        pod = pod_of(objects.workload["spec"]["template"], "weir-0", "weir")
        self.assert_taken(self.cluster.apply(pod), "Pod")
        self.assertTrue(eventually(lambda: self.cluster.allows("weir/weir", "list", "secrets")))
        with tempfile.TemporaryDirectory(prefix="weir-") as folder:
            controller = self.run_controller(folder, objects)
            metrics = self.said_port(controller, "metrics")
            # What the chart's probe waits for before the proxy is started.
            self.assert_answers(controller, metrics, "/healthz", 200)
            proxy = self.run_program(folder, "weir-proxy", self.local_args(objects, "proxy", folder))
            admin = self.said_port(proxy, "admin")
            self.assert_answers(proxy, admin, "/readyz", 200)
            http = self.said_port(proxy, "http")
            self.assertEqual(self.helm_test(objects, admin, http), 0)
            proxy.end()
            controller.end()
            self.assertNotIn("HTTP 403", controller.said())  # its role is enough

    def local_args(self, objects, name, folder):
        args = [one.replace("/run/weir", folder) for one in objects.args(name)]
        return [re.sub(r"=:\d+$", "=127.0.0.1:0", one) for one in args]

    def run_controller(self, folder, objects):
        account = "weir/" + objects.pod["serviceAccountName"]
        return self.run_program(folder, "weir-controller", [
            *self.local_args(objects, "controller", folder),
            f"--kubeconfig={self.cluster.account_kubeconfig(account)}"],
            {"POD_NAME": "weir-0", "POD_NAMESPACE": "weir"})

    def test_one_namespace_takes_nothing_of_the_whole_cluster(self):
        """With a Role alone, and Secrets by their names: classes count by name."""
        objects = render("namespaced")
        objects.pod["serviceAccountName"] = "scoped"
        for one in objects:
            if one["kind"] == "ServiceAccount":
                one["metadata"]["name"] = "scoped"
            if one["kind"].endswith("Binding"):
                one["subjects"] = [{"kind": "ServiceAccount", "name": "scoped", "namespace": "weir"}]
            for rule in one.get("rules", []):
                if "secrets" in rule["resources"]:
                    rule["resources"].remove("secrets")
                    one["rules"].append({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["tls"],
                                         "verbs": ["get", "list", "watch"]})
                    break
            if one["kind"] in ("ServiceAccount", "ConfigMap") or one["apiVersion"].startswith("rbac"):
                self.assert_taken(self.cluster.apply(one), one["kind"])
        for name, named in (("ours", "team-a"), ("others", "team-b")):
            self.assert_taken(self.cluster.apply({
                "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                "metadata": {"name": name, "namespace": "team-a"},
                "spec": {"ingressClassName": named, "tls": [{"hosts": [f"{name}.example"], "secretName": "tls"}],
                         "rules": [{"host": f"{name}.example", "http": {"paths": [
                             {"path": "/", "pathType": "Prefix",
                              "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}), name)
        args = objects.args("controller")
        args.append("--secrets=team-a/tls")
        account = "weir/scoped"
        self.assertTrue(eventually(lambda: self.cluster.allows(account, "list", "secrets", namespace="team-a",
                                                               name="tls")))
        self.assertFalse(self.cluster.allows(account, "list", "secrets", namespace="team-a"))
        self.assertFalse(self.cluster.allows(account, "list", "ingressclasses", "networking.k8s.io"))
        with tempfile.TemporaryDirectory(prefix="weir-") as folder:
            controller = self.run_controller(folder, objects)
            metrics = self.said_port(controller, "metrics")
            self.assert_answers(controller, metrics, "/readyz", 200)

            def counted():
                with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as answer:
                    return answer.read().decode()

            self.assertTrue(eventually(lambda: 'weir_controller_table_resources{kind="host"} 1' in counted()), counted())
            controller.end()
            self.assertNotIn("HTTP 403", controller.said())

    def helm_test(self, objects, admin, http):
        """The exit status of what `helm test` runs."""
        statuses = []
        for one in objects.one("Pod", "weir-test")["spec"]["containers"]:
            args = [arg.replace("weir-metrics:10254", f"127.0.0.1:{admin}").replace("weir:80", f"127.0.0.1:{http}")
                    for arg in one["args"]]
            statuses.append(subprocess.run([BIN / one["command"][0], *one["command"][1:], *args, "--timeout=2s"],
                                           check=False, capture_output=True).returncode)
        return max(statuses)

    def test_the_test_fails_where_nothing_listens(self):
        self.assertEqual(self.helm_test(render("default"), free_port(), free_port()), 1)

    def test_they_know_every_flag_of_every_variant(self):
        known = {}
        with tempfile.TemporaryDirectory() as folder:
            for name in ("controller", "proxy"):
                said = self.run_program(folder, f"weir-{name}", ["--help"])
                said.process.wait()
                known[name] = set(re.findall(r"^ +(?:-\w,)?(--[\w-]+)", said.said(), re.M))
        for variant in VARIANTS:
            for name in ("controller", "proxy"):
                used = {one.split("=")[0] for one in render(variant).args(name)}
                self.assertLessEqual(used, known[name], variant)

    def test_the_sidecar_serves_its_folder(self):
        objects = manifests("sidecar/sidecar.yaml")
        weir = objects.container("weir")
        with tempfile.TemporaryDirectory(prefix="weir-") as folder:
            page = Path(folder, "page")
            page.mkdir()
            (page / "hello").write_text("hello from the application")
            port, http, admin = free_port(), free_port(), free_port()
            app = Program(["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", page, port],
                          Path(folder, "app.log"))
            self.addCleanup(app.end)
            # As the kubelet mounts a ConfigMap: names are links into a folder that a link names.
            mount = Path(folder, "config")
            data = mount / "..2026_01_01"
            data.mkdir(parents=True)
            (mount / "..data").symlink_to(data.name)
            for name, text in objects.one("ConfigMap")["data"].items():
                (data / name).write_text(text.replace("3000", str(port)))
                (mount / name).symlink_to(f"..data/{name}")
            args = [one.replace("/etc/weir", str(mount)) for one in weir["args"]]
            args = [re.sub(r"--admin=.*", f"--admin=127.0.0.1:{admin}", one) for one in args]
            args = [re.sub(r"--http=.*", f"--http=127.0.0.1:{http}", one) for one in args]
            environment = {one["name"]: one["value"] for one in weir["env"]}
            served = self.run_program(folder, weir["command"][0], args, environment)
            self.assert_answers(served, admin, "/readyz", 200)

            def page_of(path):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{http}{path}", timeout=10) as answer:
                        return answer.read().decode()
                except OSError as error:
                    return str(error)

            self.assertTrue(eventually(lambda: page_of("/hello") == "hello from the application"),
                            page_of("/hello") + served.said())
            served.end()
            app.end()
