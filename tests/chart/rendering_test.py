"""What the chart renders, with Helm 3 and Helm 4."""

import importlib.machinery
import importlib.util
import itertools
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from chart import (CHART, HELMS, ROOT, VALUES, VARIANTS, Refused, helm, kube_version, notes, render,
                   render_values, template, template_values, tool)

RESTRICTED = [variant for variant in VARIANTS if not variant.startswith("host-")]


class Chart(unittest.TestCase):
    def test_both_helms_render_the_same_objects(self):
        for variant in VARIANTS:
            with self.subTest(variant):
                self.assertEqual(render(variant, "helm3"), render(variant, "helm4"))

    def test_both_helms_find_nothing_to_lint(self):
        for which in HELMS:
            for variant in VARIANTS:
                with self.subTest(f"{which} {variant}"):
                    helm(which, "lint", "--strict", CHART, "--kube-version", kube_version(variant),
                         "--values", VALUES / f"{variant}.yaml")

    def test_its_version_is_that_of_the_programs(self):
        version = re.search(r"project\(weir VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"], version)
        self.assertEqual(render("default").container("proxy")["image"], f"weir/weir:{version}")

    def test_every_object_says_what_it_is_of(self):
        for variant in VARIANTS:
            for one in render(variant):
                labels = one["metadata"].get("labels", {})
                if one["metadata"]["name"] in ("edge-more", "edge-text"):  # an extra object
                    continue
                with self.subTest(f"{variant} {one['kind']} {one['metadata']['name']}"):
                    self.assertEqual(labels["app.kubernetes.io/instance"], "weir")
                    self.assertEqual(labels["app.kubernetes.io/managed-by"], "Helm")
                    self.assertIn("helm.sh/chart", labels)

    def test_selectors_choose_the_pods_and_not_the_test(self):
        for variant in VARIANTS:
            objects = render(variant)
            pods = objects.workload["spec"]["template"]["metadata"]["labels"].items()
            selectors = [objects.workload["spec"]["selector"]["matchLabels"]]
            selectors += [one["spec"]["selector"] for one in objects.all("Service")]
            selectors += [one["spec"]["selector"]["matchLabels"] for one in objects.all("PodDisruptionBudget")]
            selectors += [one["spec"]["podSelector"]["matchLabels"] for one in objects.all("NetworkPolicy")]
            for selector in selectors:
                self.assertLessEqual(selector.items(), pods)
                for test in objects.all("Pod"):
                    self.assertFalse(selector.items() <= test["metadata"]["labels"].items())

    def test_readme_and_schema_are_made_of_the_values(self):
        subprocess.run([ROOT / "tools/chart-docs", "--check"], check=True)

    def test_plain_manifests_are_made_of_the_chart(self):
        subprocess.run([ROOT / "tools/render-deploy", "--check"], check=True)

    def test_kube_linter_finds_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [ROOT / "deploy/sidecar/sidecar.yaml"]
            for variant in VARIANTS:
                files.append(Path(folder, f"{variant}.yaml"))
                files[-1].write_text(template("helm4", variant))
            for file in files:  # one by one: it sees objects of one cluster in what it gets
                found = subprocess.run(
                    [tool("kube-linter"), "lint", "--config", ROOT / "tests/chart/kube-linter.yaml", file],
                    capture_output=True, text=True, check=False)
                with self.subTest(file.name):
                    self.assertEqual(found.returncode, 0, found.stdout + found.stderr)

    def test_every_waiver_of_kube_linter_has_a_reason(self):
        text = (ROOT / "tests/chart/kube-linter.yaml").read_text()
        for line in text.splitlines():
            if line.strip().startswith("- "):
                self.assertRegex(line, r"- [a-z-]+ # .{20,}")


class Pods(unittest.TestCase):
    def test_the_controller_is_a_native_sidecar(self):
        pod = render("default").pod
        self.assertEqual([one["name"] for one in pod["containers"]], ["proxy"])
        self.assertEqual([one["name"] for one in pod["initContainers"]], ["controller"])
        self.assertEqual(pod["initContainers"][0]["restartPolicy"], "Always")

    def test_it_is_an_ordinary_container_on_old_clusters(self):
        for variant in ("kube-1.28", "kube-1.23", "one-pod"):
            pod = render(variant).pod
            self.assertEqual([one["name"] for one in pod["containers"]], ["proxy", "controller"])
            self.assertNotIn("initContainers", pod)
            controller = pod["containers"][1]
            self.assertNotIn("restartPolicy", controller)
            # Else it would be gone while the proxy drains.
            command = controller["lifecycle"]["preStop"]["exec"]["command"]
            self.assertEqual(command[:4], ["weirctl", "wait", "http://127.0.0.1:10254/", "--gone"])

    def test_the_token_is_in_the_controller_alone(self):
        path = "/var/run/secrets/kubernetes.io/serviceaccount"
        for variant in VARIANTS:
            objects = render(variant)
            pod = objects.pod
            self.assertIs(pod["automountServiceAccountToken"], False)
            holders = [one["name"] for one in pod["containers"] + pod.get("initContainers", [])
                       if any(path == mount["mountPath"] or mount["name"] == "kube-api-access"
                              for mount in one.get("volumeMounts", []))]
            self.assertEqual(holders, ["controller"], variant)
            for account in objects.all("ServiceAccount"):
                self.assertIs(account["automountServiceAccountToken"], False)

    def test_the_socket_is_in_memory_and_in_both_only(self):
        for variant in VARIANTS:
            pod = render(variant).pod
            volume = next(one for one in pod["volumes"] if one["name"] == "run")
            self.assertEqual(volume["emptyDir"]["medium"], "Memory")
            holders = {one["name"] for one in pod["containers"] + pod.get("initContainers", [])
                       if any(mount["name"] == "run" for mount in one.get("volumeMounts", []))}
            self.assertEqual(holders, {"controller", "proxy"}, variant)

    def test_both_containers_may_do_nothing(self):
        for variant in VARIANTS:
            objects = render(variant)
            self.assertIs(objects.pod["securityContext"]["runAsNonRoot"], True)
            for name in ("controller", "proxy"):
                context = objects.container(name)["securityContext"]
                self.assertEqual(context, {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                           "capabilities": {"drop": ["ALL"]}}, f"{variant} {name}")

    def test_the_proxy_alone_decides_about_traffic(self):
        for variant in VARIANTS:
            objects = render(variant)
            proxy, controller = objects.container("proxy"), objects.container("controller")
            self.assertEqual(proxy["readinessProbe"]["httpGet"], {"path": "/readyz", "port": "metrics"})
            self.assertNotIn("readinessProbe", controller)
            for one in (proxy, controller):
                self.assertEqual(one["livenessProbe"]["httpGet"]["path"], "/healthz")
            self.assertEqual(controller["startupProbe"]["httpGet"],
                             {"path": "/healthz", "port": "metrics-control"})

    def test_times_of_a_probe_are_taken_over_but_not_its_path(self):
        probe = render("ingress-nginx").container("controller")["livenessProbe"]
        self.assertEqual(probe["httpGet"], {"path": "/healthz", "port": "metrics-control"})
        self.assertEqual((probe["initialDelaySeconds"], probe["timeoutSeconds"]), (10, 1))

    def test_the_programs_agree_about_the_socket(self):
        for name in ("controller", "proxy"):
            self.assertIn("--socket=/run/weir/weir.sock", render("default").args(name))

    def test_they_know_their_pod(self):
        names = {one["name"] for one in render("default").container("controller")["env"]}
        self.assertEqual(names, {"POD_NAME", "POD_NAMESPACE"})

    def test_drain_fits_into_the_grace_period(self):
        for variant, delay, drain in (("default", 10, "300s"), ("ingress-nginx", 10, "270s"),
                                      ("everything", 20, "3000s"), ("one-pod", 0, "310s")):
            objects = render(variant)
            proxy = objects.container("proxy")
            self.assertIn(f"--drain-timeout={drain}", proxy["args"])
            hook = proxy.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            self.assertEqual(hook, delay, variant)

    def test_old_clusters_run_a_program_that_sleeps(self):
        hook = render("kube-1.28").container("proxy")["lifecycle"]["preStop"]
        self.assertEqual(hook, {"exec": {"command": ["weirctl", "wait", "--timeout=10s"]}})

    def test_low_ports_come_with_the_sysctl(self):
        low = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "80"}
        self.assertIn(low, render("ingress-nginx").pod["securityContext"]["sysctls"])
        self.assertNotIn("sysctls", render("default").pod["securityContext"])
        self.assertEqual([one["value"] for one in render("everything").pod["securityContext"]["sysctls"]],
                         ["60", "443"])
        host = render_values({"controller": {"hostNetwork": True, "containerPort": {"http": 80, "https": 443}}})
        self.assertNotIn("sysctls", host.pod["securityContext"])  # refused there

    def test_host_ports(self):
        ports = {one["name"]: one for one in render("host-port").container("proxy")["ports"]}
        self.assertEqual((ports["http"]["hostPort"], ports["https"]["hostPort"]), (80, 443))
        self.assertNotIn("hostPort", ports["metrics"])
        self.assertEqual(render("host-port").workload["kind"], "DaemonSet")

    def test_host_network(self):
        objects = render("host-network")
        self.assertIs(objects.pod["hostNetwork"], True)
        self.assertEqual(objects.pod["dnsPolicy"], "ClusterFirstWithHostNet")
        self.assertIn("--public-http-port=8080", objects.args("controller"))

    def test_an_update_never_needs_a_port_twice(self):
        surge = render("default").workload["spec"]["strategy"]["rollingUpdate"]
        self.assertEqual(surge, {"maxUnavailable": 0, "maxSurge": 1})
        for variant in ("host-port", "host-network"):
            update = render(variant).workload["spec"]["updateStrategy"]["rollingUpdate"]
            self.assertEqual(update, {"maxUnavailable": 1, "maxSurge": 0})

    def test_pods_are_spread_softly(self):
        spread = render("default").pod["topologySpreadConstraints"]
        self.assertEqual([one["topologyKey"] for one in spread],
                         ["kubernetes.io/hostname", "topology.kubernetes.io/zone"])
        self.assertEqual({one["whenUnsatisfiable"] for one in spread}, {"ScheduleAnyway"})
        own = render("everything").pod["topologySpreadConstraints"]
        self.assertEqual(own[0]["labelSelector"]["matchLabels"], {"app.kubernetes.io/name": "edge"})
        self.assertNotIn("topologySpreadConstraints", render("host-port").pod)

    def test_affinity_is_a_template(self):
        terms = render("ingress-nginx").pod["affinity"]["podAntiAffinity"]
        term = terms["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
        self.assertEqual(term["labelSelector"]["matchLabels"]["app.kubernetes.io/name"], "weir")

    def test_the_image(self):
        def image(values):
            return render_values({"image": values.pop("image", {}), **values}).container("controller")["image"]

        self.assertEqual(image({"image": {"tag": "2"}}), "weir/weir:2")
        self.assertEqual(image({"image": {"registry": "r.example", "tag": "2"}}), "r.example/weir/weir:2")
        self.assertEqual(image({"image": {"tag": "2"}, "global": {"image": {"registry": "g.example"}}}),
                         "g.example/weir/weir:2")
        self.assertEqual(image({"image": {"repository": "r.example/own", "tag": "2"}}), "r.example/own:2")
        self.assertEqual(render("everything").container("proxy")["image"],
                         "mirror.example.com/weir/weir@sha256:" + "0123456789abcdef" * 4)

    def test_a_new_chart_alone_replaces_no_pod(self):
        labels = render("default").workload["spec"]["template"]["metadata"]["labels"]
        self.assertEqual(set(labels), {"app.kubernetes.io/name", "app.kubernetes.io/instance",
                                       "app.kubernetes.io/component"})

    def test_what_is_given_for_pods_arrives(self):
        objects = render("everything")
        pod, metadata = objects.pod, objects.workload["spec"]["template"]["metadata"]
        self.assertEqual(pod["imagePullSecrets"], [{"name": "registry"}])
        self.assertEqual(pod["priorityClassName"], "system-cluster-critical")
        self.assertEqual(pod["runtimeClassName"], "gvisor")
        self.assertEqual(pod["dnsConfig"], {"nameservers": ["10.96.0.10"]})
        self.assertEqual(pod["hostAliases"][0]["ip"], "192.0.2.1")
        self.assertEqual(pod["terminationGracePeriodSeconds"], 3600)
        self.assertEqual(pod["serviceAccountName"], "edge-account")
        self.assertEqual([one["name"] for one in pod["initContainers"]], ["wait", "controller"])
        self.assertEqual([one["name"] for one in pod["containers"]], ["proxy", "ship-logs"])
        self.assertEqual(metadata["annotations"]["example.com/scan"], "true")
        self.assertEqual(metadata["labels"]["example.com/zone"], "dmz")
        self.assertEqual(objects.workload["metadata"]["annotations"], {"example.com/owner": "edge"})
        self.assertEqual(objects.workload["spec"]["progressDeadlineSeconds"], 900)
        self.assertEqual(objects.workload["spec"]["revisionHistoryLimit"], 3)
        self.assertIn({"name": "EXAMPLE", "value": "two"}, objects.container("proxy")["env"])
        self.assertIn({"name": "EXAMPLE", "value": "one"}, objects.container("controller")["env"])
        self.assertIn({"name": "more", "mountPath": "/more", "readOnly": True},
                      objects.container("proxy")["volumeMounts"])
        self.assertEqual(objects.container("proxy")["resources"]["limits"], {"memory": "2Gi"})


class Flags(unittest.TestCase):
    def test_a_default_controller(self):
        self.assertEqual(render("default").args("controller"), [
            "--source=kube", "--socket=/run/weir/weir.sock", "--metrics-listen=:10253",
            "--metrics-compat=ingress-nginx", "--configmap=weir/weir", "--controller-class=weir.dev/ingress",
            "--controller-class=k8s.io/ingress-nginx", "--ingress-class=nginx",
            "--publish-service=weir/weir", "--election-id=weir-leader"])

    def test_a_default_proxy(self):
        self.assertEqual(render("default").args("proxy"), [
            "--socket=/run/weir/weir.sock", "--state-file=/run/weir/table", "--http=:8080",
            "--https=:8443", "--admin=:10254", "--metrics-compat=ingress-nginx", "--drain-timeout=300s"])

    def test_ports_that_clients_see(self):
        self.assertLessEqual({"--public-http-port=8080", "--public-https-port=8443"},
                             set(render("everything").args("controller")))
        self.assertFalse([one for one in render("host-port").args("controller") if "--public" in one])
        of_node = render_values({"controller": {"hostPort": {"enabled": True, "ports": {"http": 81}},
                                                "service": {"enabled": False}}})
        self.assertIn("--public-http-port=81", of_node.args("controller"))
        self.assertIn("--public-https-port=8443", render("host-network").args("controller"))
        behind = render_values({"controller": {"hostNetwork": True}})
        self.assertFalse([one for one in behind.args("controller") if "--public" in one])

    def test_classes(self):
        args = render("namespaced").args("controller")
        self.assertIn("--controller-class=example.com/team-a", args)
        self.assertNotIn("--controller-class=k8s.io/ingress-nginx", args)
        self.assertIn("--ingress-class=team-a", args)
        self.assertIn("--ingress-class-by-name", args, "classes cannot be read without a ClusterRole")
        args = render("host-network").args("controller")
        self.assertLessEqual({"--ingress-class-by-name", "--ingress-class=weir"}, set(args))
        self.assertIn("--watch-ingress-without-class", render("ingress-nginx").args("controller"))

    def test_status(self):
        args = render("one-pod").args("controller")
        self.assertLessEqual({"--update-status=false", "--disable-leader-election"}, set(args))
        self.assertIn("--publish-service=other/lb", render("everything").args("controller"))
        self.assertIn("--election-id=ingress-controller-leader", render("ingress-nginx").args("controller"))
        # Without a Service it is the nodes' addresses.
        self.assertFalse([one for one in render("host-port").args("controller") if "--publish" in one])

    def test_fixed_addresses_go_before_the_service(self):
        """weir-controller takes one of the two."""
        args = render_values({"controller": {"extraArgs": {"publish-status-address": "192.0.2.1"}}}).args("controller")
        self.assertIn("--publish-status-address=192.0.2.1", args)
        self.assertFalse([one for one in args if "--publish-service" in one])

    def test_less_common_ones_about_status(self):
        args = render_values({"controller": {"electionTTL": "45s", "reportNodeInternalIp": True}}).args("controller")
        self.assertLessEqual({"--election-ttl=45s", "--report-node-internal-ip-address"}, set(args))

    def test_the_internal_service_is_published_without_the_other_one(self):
        service = {"external": {"enabled": False}, "internal": {"enabled": True}}
        objects = render_values({"controller": {"service": service}})
        self.assertIn("--publish-service=weir/weir-internal", objects.args("controller"))
        self.assertCountEqual([one["metadata"]["name"] for one in objects.all("Service")],
                         ["weir-internal", "weir-metrics"])

    def test_the_watched_namespace_has_the_config_map(self):
        objects = render("namespaced")
        self.assertIn("--watch-namespace=team-a", objects.args("controller"))
        self.assertIn("--configmap=team-a/weir", objects.args("controller"))
        self.assertEqual(objects.one("ConfigMap")["metadata"]["namespace"], "team-a")
        own = render_values({"controller": {"scope": {"enabled": True}}})
        self.assertIn("--watch-namespace=weir", own.args("controller"))

    def test_extra_flags(self):
        def flags(given):
            return render_values({"controller": {"extraArgs": given}}).args("controller")[10:]

        self.assertEqual(flags({"log-level": "debug"}), ["--log-level=debug"])
        self.assertEqual(flags({"ingress-class-by-name": ""}), ["--ingress-class-by-name"])
        self.assertEqual(flags({"update-status": False}), ["--update-status=false"])
        self.assertEqual(flags({"controller-class": ["a", "b"]}),
                         ["--controller-class=a", "--controller-class=b"])
        self.assertIn("--max-connections=1000000", render("everything").args("proxy"))
        self.assertLessEqual({"--access-log=-", "--access-log-query", "--threads=4"},
                             set(render("everything").args("proxy")))

    def test_flags_of_ingress_nginx_without_meaning_are_left_out(self):
        args = render("ingress-nginx").args("controller")
        self.assertIn("--default-ssl-certificate=ingress-nginx/wildcard", args)
        self.assertFalse([one for one in args if "passthrough" in one or one.startswith("--v")])


class Config(unittest.TestCase):
    def test_settings_are_text(self):
        self.assertEqual(render("ingress-nginx").one("ConfigMap", "weir")["data"], {
            "use-forwarded-headers": "true", "proxy-body-size": "50m", "keep-alive-requests": "1000000",
            "ssl-protocols": "TLSv1.2 TLSv1.3", "add-headers": "weir/weir-add-headers"})

    def test_headers_have_config_maps_of_their_own(self):
        objects = render("everything")
        data = objects.one("ConfigMap", "edge")["data"]
        self.assertEqual(data["add-headers"], "edge-config/edge-add-headers")
        self.assertEqual(data["proxy-set-headers"], "edge-config/edge-proxy-set-headers")
        self.assertEqual(objects.one("ConfigMap", "edge-add-headers")["data"], {"X-One": "1"})
        self.assertEqual(objects.one("ConfigMap", "edge-proxy-set-headers")["data"], {"X-Two": "2"})
        for name in ("edge", "edge-add-headers", "edge-proxy-set-headers"):
            self.assertEqual(objects.one("ConfigMap", name)["metadata"]["namespace"], "edge-config")

    def test_there_is_one_without_settings(self):
        self.assertEqual(render("default").one("ConfigMap")["data"], {})


class Services(unittest.TestCase):
    def test_the_default_one(self):
        spec = render("default").one("Service", "weir")["spec"]
        self.assertEqual(spec["type"], "LoadBalancer")
        self.assertEqual(spec["ports"], [
            {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP", "appProtocol": "http"},
            {"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP", "appProtocol": "https"}])

    def test_what_is_given_arrives(self):
        service = render("everything").one("Service", "edge")
        spec = service["spec"]
        self.assertEqual(spec | {"ports": 0, "selector": 0}, {
            "type": "LoadBalancer", "clusterIP": "10.96.7.7", "externalIPs": ["192.0.2.7"],
            "loadBalancerIP": "192.0.2.8", "loadBalancerClass": "example.com/lb",
            "loadBalancerSourceRanges": ["192.0.2.0/24"], "allocateLoadBalancerNodePorts": False,
            "externalTrafficPolicy": "Local", "healthCheckNodePort": 30123, "sessionAffinity": "ClientIP",
            "trafficDistribution": "PreferClose", "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"],
            "ports": 0, "selector": 0})
        self.assertEqual(service["metadata"]["annotations"], {"example.com/lb": "a"})
        self.assertEqual(service["metadata"]["labels"]["example.com/lb"], "a")

    def test_node_ports(self):
        ports = render("ingress-nginx").one("Service", "weir")["spec"]["ports"]
        self.assertEqual([one["nodePort"] for one in ports], [32080, 32443])

    def test_the_internal_one_differs_where_it_says_so(self):
        spec = render("everything").one("Service", "edge-internal")["spec"]
        self.assertEqual(spec["type"], "NodePort")
        self.assertEqual([(one["port"], one["nodePort"]) for one in spec["ports"]], [(8080, 30080), (9443, 30443)])
        internal = render("ingress-nginx").one("Service", "weir-internal")
        self.assertEqual(internal["spec"]["type"], "LoadBalancer")
        self.assertEqual([one["port"] for one in internal["spec"]["ports"]], [80, 443])
        self.assertIn("service.beta.kubernetes.io/aws-load-balancer-scheme", internal["metadata"]["annotations"])

    def test_a_load_balancer_may_end_tls(self):
        service = {"enableHttp": False, "targetPorts": {"https": "http"}}
        ports = render_values({"controller": {"service": service}}).one("Service", "weir")["spec"]["ports"]
        self.assertEqual([(one["port"], one["targetPort"]) for one in ports], [(443, "http")])

    def test_none_is_needed(self):
        self.assertFalse(render("host-port").has("Service", "weir"))


class Classes(unittest.TestCase):
    def test_one_by_default(self):
        one = render("default").one("IngressClass")
        self.assertEqual((one["metadata"]["name"], one["spec"]), ("weir", {"controller": "weir.dev/ingress"}))
        self.assertNotIn("annotations", one["metadata"])

    def test_aliases_are_the_same_but_not_the_default(self):
        classes = render("everything").all("IngressClass")
        mark = "ingressclass.kubernetes.io/is-default-class"
        self.assertEqual({one["metadata"]["name"]: one["metadata"]["annotations"].get(mark) for one in classes},
                         {"edge": "true", "nginx": None, "public": None})
        for one in classes:
            self.assertEqual(one["spec"]["parameters"]["name"], "edge")
            self.assertEqual(one["metadata"]["annotations"]["example.com/owner"], "edge")

    def test_that_of_ingress_nginx_is_made_as_it_says(self):
        one = render("ingress-nginx").one("IngressClass")
        self.assertEqual((one["metadata"]["name"], one["spec"]["controller"]), ("nginx", "k8s.io/ingress-nginx"))

    def test_none_if_it_is_there_already(self):
        self.assertFalse(render("one-pod").has("IngressClass"))


class Permissions(unittest.TestCase):
    def test_without_the_cluster_there_is_no_cluster_role(self):
        objects = render("namespaced")
        self.assertFalse(objects.has("ClusterRole") or objects.has("ClusterRoleBinding"))
        self.assertEqual({(one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects.all("Role")},
                         {("team-a", "weir"), ("weir", "weir-own")})
        binding = objects.one("RoleBinding", "weir")
        self.assertEqual(binding["metadata"]["namespace"], "team-a")
        self.assertEqual(binding["subjects"], [{"kind": "ServiceAccount", "name": "weir", "namespace": "weir"}])

    def test_nothing_is_written_but_status_events_and_the_lease(self):
        for variant in VARIANTS:
            objects = render(variant)
            for role in objects.all("ClusterRole") + objects.all("Role"):
                for rule in role["rules"]:
                    self.assertNotIn("*", rule["verbs"] + rule["resources"] + rule["apiGroups"])
                    if set(rule["verbs"]) - {"get", "list", "watch"}:
                        own = [one for one in rule["resources"] if rule["apiGroups"] == ["weir.dev"]
                               and one.endswith("/status")]
                        self.assertIn(rule["resources"], (["ingresses/status"], ["events"], ["leases"], own))

    def test_it_grants_what_the_plain_role_does(self):
        """deploy/rbac is what the cluster tests run with."""
        def grants(roles):
            return {(group, resource, verb, name) for role in roles for rule in role["rules"]
                    for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]
                    for name in rule.get("resourceNames", [""])}

        plain = [one for one in yaml.safe_load_all((ROOT / "deploy/rbac/rbac.yaml").read_text())
                 if one["kind"] in ("ClusterRole", "Role")]
        made = [role for variant in ("default", "host-port")  # the one publishes a Service, the other nodes
                for role in render(variant).all("ClusterRole") + render(variant).all("Role")]
        self.assertLessEqual(grants(plain), grants(made))

    def test_secrets_may_be_listed_one_by_one(self):
        objects = render_values({"rbac": {"secrets": ["edge/tls", "edge/other", "team"]}})
        for rule in objects.one("ClusterRole")["rules"]:
            self.assertNotIn("secrets", rule["resources"])
        edge, team = [role for role in objects.all("Role") if role["metadata"]["name"].endswith("-secrets")]
        self.assertEqual((edge["metadata"]["namespace"], edge["rules"][0]["resourceNames"]), ("edge", ["tls", "other"]))
        self.assertEqual(team["metadata"]["namespace"], "team")
        self.assertNotIn("resourceNames", team["rules"][0])
        args = objects.args("controller")
        self.assertLessEqual({"--secrets=edge/tls", "--secrets=edge/other", "--secrets=team"}, set(args))
        self.assertFalse([one for one in render("default").args("controller") if one.startswith("--secrets")])

    def test_nodes_are_read_only_where_they_are_the_status(self):
        def reads_nodes(objects):
            return any("nodes" in rule["resources"] for role in objects.all("ClusterRole") for rule in role["rules"])

        self.assertTrue(reads_nodes(render("host-port")))
        self.assertFalse(reads_nodes(render("default")))
        self.assertFalse(reads_nodes(render("one-pod")))  # it writes none
        fixed = {"service": {"enabled": False}, "extraArgs": {"publish-status-address": "192.0.2.1"}}
        self.assertFalse(reads_nodes(render_values({"controller": fixed})))

    def test_without_an_election_there_is_no_lease(self):
        rules = render("one-pod").one("Role")["rules"]
        self.assertFalse([rule for rule in rules if "leases" in rule["resources"]])

    def test_two_releases_of_one_name_do_not_share_a_cluster_role(self):
        self.assertEqual(render("default").one("ClusterRole")["metadata"]["name"], "weir")
        self.assertEqual(render("everything").one("ClusterRole")["metadata"]["name"], "edge-system-edge")

    def test_none_are_made_if_they_are_there_already(self):
        objects = render_values({"rbac": {"create": False},
                                 "serviceAccount": {"create": False, "name": "there"}})
        for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"):
            self.assertFalse(objects.has(kind), kind)
        self.assertEqual(objects.pod["serviceAccountName"], "there")


class Documented(unittest.TestCase):
    """The tables of permissions in docs/security.md."""

    def rendered(self, chosen):
        rows = set()
        for objects in [render_values({"rbac": {"secrets": ["a/b"]}}), *map(render, VARIANTS)]:
            for one in objects:
                if one["kind"] in ("Role", "ClusterRole") and one["metadata"]["name"].endswith("-own") == chosen:
                    for rule in one["rules"]:
                        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
                            name, _, part = resource.partition("/")
                            full = ".".join(filter(None, [name, group])) + (f"/{part}" if part else "")
                            rows.add((full, "resourceNames" in rule, ", ".join(sorted(rule["verbs"]))))
        return rows

    def documented(self, table):
        text = (ROOT / "docs/security.md").read_text().split(f"<!-- {table} -->")[1].split("<!-- end")[0]
        rows = re.findall(r"^\| `(\S+)`( \(one name\))? \| (.+?) \| (.+?) \|$", text, re.M)
        self.assertTrue(all(len(why) > 20 for *_, why in rows))
        return {(name, bool(named), ", ".join(sorted(verbs.split(", ")))) for name, named, verbs, _ in rows}

    def test_what_is_watched(self):
        self.assertEqual(self.rendered(False), self.documented("cluster"))

    def test_metrics_that_pages_for_operators_name_are_there(self):
        known = (ROOT / "docs/metrics.md").read_text()
        for page in ("operations", "migrate-from-ingress-nginx", "security"):
            for name in re.findall(r"`(weir_[a-z_]+|leader_[a-z_]+)", (ROOT / f"docs/{page}.md").read_text()):
                self.assertTrue(f"| `{name}` |" in known, f"{page}: {name}")

    def test_what_is_weirs_own(self):
        self.assertEqual(self.rendered(True), self.documented("own"))


class Availability(unittest.TestCase):
    def test_a_budget_for_several_pods(self):
        self.assertEqual(render("default").one("PodDisruptionBudget")["spec"]["maxUnavailable"], 1)
        self.assertEqual(render("everything").one("PodDisruptionBudget")["spec"]["maxUnavailable"], 2)
        self.assertEqual(render("autoscaling").one("PodDisruptionBudget")["spec"]["maxUnavailable"], "25%")
        budget = render("ingress-nginx").one("PodDisruptionBudget")["spec"]
        self.assertEqual(budget["minAvailable"], 2)
        self.assertNotIn("maxUnavailable", budget)

    def test_none_where_it_would_only_be_in_the_way(self):
        for variant in ("one-pod", "host-port"):
            self.assertFalse(render(variant).has("PodDisruptionBudget"), variant)

    def test_old_clusters_do_not_know_the_eviction_policy(self):
        self.assertEqual(render("default").one("PodDisruptionBudget")["spec"]["unhealthyPodEvictionPolicy"],
                         "AlwaysAllow")
        self.assertNotIn("unhealthyPodEvictionPolicy", render("kube-1.23").one("PodDisruptionBudget")["spec"])

    def test_replicas_are_the_autoscalers(self):
        objects = render("autoscaling")
        self.assertNotIn("replicas", objects.workload["spec"])
        self.assertEqual(render("default").workload["spec"]["replicas"], 2)
        spec = objects.one("HorizontalPodAutoscaler")["spec"]
        self.assertEqual((spec["minReplicas"], spec["maxReplicas"]), (3, 30))
        self.assertEqual([one["type"] for one in spec["metrics"]], ["ContainerResource", "ContainerResource", "Pods"])
        self.assertEqual({one["containerResource"]["container"] for one in spec["metrics"][:2]}, {"proxy"})
        self.assertEqual(spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 600)

    def test_old_clusters_scale_by_the_pod(self):
        metrics = render("kube-1.28").one("HorizontalPodAutoscaler")["spec"]["metrics"]
        self.assertEqual([one["type"] for one in metrics], ["Resource"])


class Metrics(unittest.TestCase):
    def test_a_service_with_both_ports(self):
        ports = render("everything").one("Service", "edge-metrics")["spec"]["ports"]
        self.assertEqual([(one["name"], one["port"], one["targetPort"]) for one in ports],
                         [("metrics", 9090, "metrics"), ("metrics-control", 10299, "metrics-control")])
        self.assertFalse(render("one-pod").has("Service", "weir-metrics"))

    def test_the_monitor_finds_it(self):
        objects = render("everything")
        monitor = objects.one("ServiceMonitor")
        self.assertEqual(monitor["metadata"]["namespace"], "monitoring")
        self.assertEqual(monitor["metadata"]["labels"]["release"], "prometheus")
        spec = monitor["spec"]
        self.assertEqual(spec["sampleLimit"], 1000000)
        self.assertEqual([one["port"] for one in spec["endpoints"]], ["metrics", "metrics-control"])
        self.assertEqual({one["scrapeTimeout"] for one in spec["endpoints"]}, {"10s"})
        labels = objects.one("Service", "edge-metrics")["metadata"]["labels"]
        self.assertLessEqual(spec["selector"]["matchLabels"].items(), labels.items())

    def test_it_looks_into_its_own_namespace(self):
        spec = render("ingress-nginx").one("ServiceMonitor")["spec"]
        self.assertEqual(spec["namespaceSelector"], {"matchNames": ["weir"]})

    def test_a_pod_monitor_needs_no_service(self):
        objects = render("pod-monitor")
        spec = objects.one("PodMonitor")["spec"]
        names = {one["name"] for name in ("controller", "proxy") for one in objects.container(name)["ports"]}
        self.assertLessEqual({one["port"] for one in spec["podMetricsEndpoints"]}, names)
        self.assertFalse(objects.has("Service", "weir-metrics"))

    def test_the_rules_are_weirs_and_those_given(self):
        rule = render("everything").one("PrometheusRule")
        self.assertEqual(rule["metadata"]["namespace"], "monitoring")
        self.assertEqual(rule["metadata"]["labels"]["release"], "prometheus")
        groups = {one["name"]: one["rules"] for one in rule["spec"]["groups"]}
        written = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
        self.assertEqual(groups["weir"], written[0]["rules"])
        self.assertEqual([one["record"] for one in groups["edge.own"]], ["edge:requests:rate5m"])
        nginx = render("ingress-nginx").one("PrometheusRule")["spec"]["groups"]
        self.assertEqual([one["alert"] for one in nginx[-1]["rules"]], ["NGINXConfigFailed"])
        self.assertFalse(render("default").has("PrometheusRule"))

    def test_dashboards_are_where_grafana_looks(self):
        objects = render("everything")
        for name in ("overview", "tunnels"):
            one = objects.one("ConfigMap", f"edge-dashboard-{name}")
            self.assertEqual(one["metadata"]["namespace"], "monitoring")
            self.assertEqual(one["metadata"]["labels"]["grafana_dashboard"], "1")
            self.assertEqual(one["metadata"]["annotations"], {"grafana_folder": "Edge"})
            self.assertEqual(json.loads(one["data"][f"weir-{name}.json"]),
                             json.loads((CHART / f"files/dashboards/{name}.json").read_text()))
        self.assertFalse(any("dashboard" in one["metadata"]["name"] for one in render("default")))

    def test_dashboards_are_as_their_source_makes_them(self):
        subprocess.run([ROOT / "tools/dashboards", "--check"], check=True)

    def test_ingress_nginxs_names_are_there_unless_switched_off(self):
        objects = render("default")
        for name in ("controller", "proxy"):
            one = objects.container(name)
            self.assertIn("--metrics-compat=ingress-nginx", one["args"])
            self.assertLessEqual({"POD_NAME", "POD_NAMESPACE"}, {env["name"] for env in one["env"]})
        off = render_values({"controller": {"metrics": {"compat": {"ingressNginx": False}}}})
        self.assertNotIn("--metrics-compat=ingress-nginx", off.container("proxy")["args"])
        other = render_values({"controller": {"ingressClassResource": {"controllerValue": "example.com/edge"}}})
        self.assertIn("--metrics-compat-class=example.com/edge", other.container("proxy")["args"])

    def test_the_network_policy_lets_in_what_is_listened_to(self):
        objects = render("everything")
        ports = {one["port"] for one in objects.one("NetworkPolicy")["spec"]["ingress"][0]["ports"]}
        listening = {one["containerPort"] for name in ("controller", "proxy")
                     for one in objects.container(name)["ports"]}
        self.assertEqual(ports, listening)


class Extras(unittest.TestCase):
    def test_objects_are_templates_as_maps_and_as_text(self):
        objects = render("everything")
        for name in ("edge-more", "edge-text"):
            self.assertEqual(objects.one("ConfigMap", name)["metadata"]["namespace"], "edge-system")

    def test_the_test_asks_what_is_there(self):
        def asked(objects):
            return [one["args"] for one in objects.one("Pod")["spec"]["containers"]]

        ready = ["http://weir-metrics:10254/readyz"]
        self.assertEqual(asked(render("default")), [ready, ["http://weir:80/", "--status=404"]])
        self.assertEqual(asked(render("host-port")), [ready])
        self.assertEqual(len(asked(render("everything"))), 1)  # it wants PROXY headers
        behind = render_values({"controller": {"extraArgs": {"default-backend-service": "a/b"}}})
        self.assertEqual(asked(behind)[1][1:], ["--status=2", "--status=3", "--status=4"])

    def test_nothing_is_run_that_the_image_does_not_have(self):
        programs = {"weir-controller", "weir-proxy", "weirctl"}
        for variant in VARIANTS:
            for one in render(variant).all("Pod") + [{"spec": render(variant).pod}]:
                for container in one["spec"]["containers"] + one["spec"].get("initContainers", []):
                    if container["name"] not in ("wait", "ship-logs"):  # a variant's own
                        hooks = container.get("lifecycle", {}).values()
                        commands = [hook["exec"]["command"] for hook in hooks if "exec" in hook]
                        self.assertLessEqual({line[0] for line in [container["command"], *commands]}, programs)
        self.assertFalse(render_values({"controller": {"metrics": {"enabled": False},
                                                       "service": {"enabled": False}}}).has("Pod"))


class Notes(unittest.TestCase):
    def test_where_it_is(self):
        self.assertIn("kubectl get service --namespace weir weir", notes("default"))
        self.assertIn("ports 80 and 443 of the nodes", notes("host-port"))
        self.assertIn("ports 8080 and 8443 of the nodes", notes("host-network"))
        self.assertIn("ingressClassName: nginx", notes("ingress-nginx"))

    def test_what_is_known_and_without_effect(self):
        text = notes("ingress-nginx")
        told = re.findall(r"^  (\S+): ", text.split("have no effect here:")[1].split("Please")[0], re.M)
        self.assertEqual(told, [
            "controller.admissionWebhooks", "controller.containerName",
            "controller.enableAnnotationValidations", "controller.image", "controller.lifecycle",
            "controller.metrics.service.type", "controller.name", "controller.readinessProbe",
            "serviceAccount.automountServiceAccountToken",
            "controller.extraArgs.enable-ssl-passthrough", "controller.extraArgs.v"])
        self.assertNotIn("no effect", notes("default"))

    def test_what_may_not_be_meant(self):
        self.assertIn("controller.service.externalTrafficPolicy", notes("ingress-nginx"))
        self.assertIn("crds.enabled", notes("namespaced"))
        self.assertIn("drain.delaySeconds is 0", notes("one-pod"))
        for variant in ("default", "host-port", "autoscaling"):
            self.assertNotIn("Please look", notes(variant))


def other_value(path, kind, now):
    """One of that type (tools/chart-docs) that is not what it is now."""
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return now + 1
    if kind.startswith(("int", "port")):
        return 7777
    if kind.startswith("bool"):
        return True
    if " or " in kind:
        return next(choice for choice in reversed(kind.split(" or ")) if choice not in (now, "empty"))
    if path.endswith("orts") and kind == "map":
        return {"http": 7777}
    return {"string": "example", "list": [{"name": "example"}], "map": {"example.com/a": "b"}, "secrets": ["weir/example"], "quantity": "77Mi",
            "digest": "sha256:" + "a" * 64, "namespace/name": "weir/example", "duration": "77s"}[kind]


def value_at(values, path, default):
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return default
        values = values[key]
    return values


def with_value(values, path, value):
    key, _, rest = path.partition(".")
    return values | {key: with_value(values.get(key) or {}, rest, value) if rest else value}


class Values(unittest.TestCase):
    BASES = ("everything", "default", "autoscaling", "ingress-nginx", "pod-monitor", "host-port", "namespaced")

    def changes_something(self, path, kind, default):
        for base in self.BASES:
            values = yaml.safe_load((VALUES / f"{base}.yaml").read_text())
            other = other_value(path, kind, value_at(values, path, default))
            try:
                if template_values(with_value(values, path, other)) != template("helm4", base):
                    return True
            except Refused:
                pass  # it cannot be together with something of this base
        return False

    def test_each_has_an_effect(self):
        loader = importlib.machinery.SourceFileLoader("chart_docs", str(ROOT / "tools/chart-docs"))
        docs = importlib.util.module_from_spec(importlib.util.spec_from_loader("chart_docs", loader))
        loader.exec_module(docs)
        text = (CHART / "values.yaml").read_text()
        _, rows = docs.describe(yaml.safe_load(text), docs.comments(text), {})
        self.assertGreater(len(rows), 150)
        for path, kind, default, _ in rows:
            with self.subTest(path):
                self.assertTrue(self.changes_something(path, kind, default))


REFUSALS = {
    "an unknown key": ({"controler": {}}, "controler"),
    "an unknown key further down": ({"controller": {"service": {"tpye": "NodePort"}}}, "tpye"),
    "a wrong type": ({"controller": {"replicaCount": "two"}}, "replicaCount"),
    "a kind there is not": ({"controller": {"kind": "StatefulSet"}}, "kind"),
    "half a digest": ({"image": {"digest": "sha256:12"}}, "digest"),
    "two budgets": ({"controller": {"minAvailable": 1, "maxUnavailable": 1}}, "exclude each other"),
    "scaling a DaemonSet": ({"controller": {"kind": "DaemonSet", "autoscaling": {"enabled": True}}},
                            "needs controller.kind Deployment"),
    "scaling by nothing": ({"controller": {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": ""}}},
                           "nothing to go by"),
    "more at least than at most": ({"controller": {"autoscaling": {"enabled": True, "minReplicas": 20}}},
                                   "more than maxReplicas"),
    "KEDA": ({"controller": {"keda": {"enabled": True}}}, "ScaledObject into extraObjects"),
    "no time to drain": ({"controller": {"terminationGracePeriodSeconds": 30}}, "leaves no time"),
    "too little time to drain": ({"proxy": {"drain": {"timeoutSeconds": 600}}}, "too short: .* make 630"),
    "processes that see each other": ({"controller": {"shareProcessNamespace": True}}, "must not see"),
    "a Role for all namespaces": ({"rbac": {"scope": True}}, "needs controller.scope.enabled"),
    "Secrets of another namespace": ({"controller": {"scope": {"enabled": True, "namespace": "a"}},
                                      "rbac": {"scope": True, "secrets": ["b/tls"]}}, "not in namespace a"),
    "nodes without a ClusterRole": ({"controller": {"scope": {"enabled": True}, "service": {"enabled": False}},
                                     "rbac": {"scope": True}}, "no Role can allow"),
    "a published Service out of sight": ({"controller": {"scope": {"enabled": True},
                                                         "publishService": {"pathOverride": "a/b"}},
                                          "rbac": {"scope": True}}, "no Service in namespace a"),
    "namespaces by label": ({"controller": {"scope": {"namespaceSelector": "a=b"}}}, "cannot select namespaces"),
    "a ConfigMap out of sight": ({"controller": {"scope": {"enabled": True, "namespace": "a"},
                                                 "configMapNamespace": "b"}}, "must be a"),
    "an account without a name": ({"serviceAccount": {"create": False}}, "serviceAccount.name is needed"),
    "the node's network and its ports": ({"controller": {"hostNetwork": True, "hostPort": {"enabled": True}}},
                                         "exclude each other"),
    "one port twice": ({"controller": {"metrics": {"port": 8080}}}, "are both 8080"),
    "a Service of nothing": ({"controller": {"service": {"enableHttp": False, "enableHttps": False}}},
                             "neither HTTP nor HTTPS"),
    "a class of no load balancer": ({"controller": {"service": {"type": "NodePort", "loadBalancerClass": "a"}}},
                                    "needs type LoadBalancer"),
    "a policy of nothing external": ({"controller": {"service": {"type": "ClusterIP",
                                                                 "externalTrafficPolicy": "Local"}}},
                                     "needs type LoadBalancer or NodePort"),
    "a health port without Local": ({"controller": {"service": {"healthCheckNodePort": 30000}}},
                                    "needs type LoadBalancer and externalTrafficPolicy Local"),
    "an alias of itself": ({"controller": {"ingressClassResource": {"aliases": ["weir"]}}}, "its name already"),
    "a monitor of no Service": ({"controller": {"metrics": {"service": {"enabled": False},
                                                            "serviceMonitor": {"enabled": True}}}},
                                "needs controller.metrics.enabled"),
    "a monitor of no metrics": ({"controller": {"metrics": {"enabled": False, "podMonitor": {"enabled": True}}}},
                                "podMonitor needs controller.metrics.enabled"),
    "two monitors": ({"controller": {"metrics": {"serviceMonitor": {"enabled": True},
                                                 "podMonitor": {"enabled": True}}}}, "choose one"),
    "TCP services": ({"tcp": {"8080": "default/a:9000"}}, "neither TCP nor UDP"),
    "a default backend": ({"defaultBackend": {"enabled": True}}, "default-backend-service"),
    "a flag that the chart sets": ({"controller": {"extraArgs": {"socket": "/tmp/x"}}}, "set by the chart"),
    "such a flag of the proxy": ({"proxy": {"extraArgs": {"admin": ":1"}}}, "set by the chart"),
}


class Refusals(unittest.TestCase):
    def test_what_cannot_be(self):
        for name, (values, sentence) in REFUSALS.items():
            with self.subTest(name), self.assertRaisesRegex(Refused, sentence):
                render_values(values)

    def test_helm_3_refuses_as_well(self):
        for name in ("an unknown key further down", "two budgets"):
            values, sentence = REFUSALS[name]
            with self.subTest(name), self.assertRaisesRegex(Refused, sentence):
                render_values(values, "helm3")

    def test_native_sidecars_where_there_are_none(self):
        with self.assertRaisesRegex(Refused, "has no native sidecars"):
            render_values({"controller": {"nativeSidecar": True}}, kube="1.28.0")

    def test_a_cluster_that_is_too_old(self):
        with self.assertRaisesRegex(Refused, "incompatible"):
            render_values({}, kube="1.22.0")
