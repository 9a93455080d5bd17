"""What a real API server takes and refuses by the definitions in crds/ and by the chart's admission policy."""

import copy
import unittest

from chart import ROOT, objects_of, render_values
from kube import Cluster, eventually

DEFINITIONS = [one for file in sorted((ROOT / "crds").glob("*.yaml")) for one in objects_of(file.read_text())]
GROUP = "weir.dev/v1alpha1"
SERVICE = {"group": "", "kind": "Service", "name": "chat"}
INGRESS = {"group": "networking.k8s.io", "kind": "Ingress", "name": "chat"}


def setUpModule():
    cluster = WithCluster.cluster = Cluster()
    unittest.addModuleCleanup(cluster.end)
    for crd in DEFINITIONS:
        answer = cluster.apply(crd)
        assert answer.status == 201, answer
    assert eventually(lambda: all(
        cluster.request("GET", f"/apis/{GROUP}/{crd['spec']['names']['plural']}").status == 200
        for crd in DEFINITIONS))


class WithCluster(unittest.TestCase):
    def assert_refused(self, one, sentence):
        answer = self.cluster.try_create(one)
        self.assertEqual(answer.status, 422, f"{one}: {answer}")
        self.assertIn(sentence, answer.json["message"])

    def assert_taken(self, one):
        answer = self.cluster.try_create(one)
        self.assertEqual(answer.status, 201, f"{one}: {answer}")


def make(kind, spec):
    return {"apiVersion": GROUP, "kind": kind, "metadata": {"name": "a", "namespace": "default"}, "spec": spec}


def tunnel(targets=(SERVICE,), **fields):
    return make("TunnelPolicy", {"targetRefs": list(targets)} | fields)


def backend(targets=(SERVICE,), **fields):
    return make("BackendPolicy", {"targetRefs": list(targets)} | fields)


class Definitions(WithCluster):
    def test_good_ones_are_taken(self):
        for one in (
                tunnel(), backend(), make("WeirConfig", {}),
                tunnel([SERVICE, SERVICE | {"sectionName": "ws"}, INGRESS]),
                tunnel(websocket=False, upgradeProtocols=["mqtt"], refuseBy="Close", onRouteChange="Keep",
                       onEndpointEnd="Cut", origins={"allowed": ["same-host", "https://*.example.com"]},
                       timeouts={"handshake": "500ms", "idle": "0s", "maxDuration": "48h", "maxDurationSpread": 20},
                       keepalive={"pingInterval": "30s", "pingMisses": 3},
                       limits={"tunnels": 10, "tunnelsPerClient": 10, "handshakesPerSecond": 5, "handshakeBurst": 2,
                               "handshakeWait": "5s", "frameSize": "64Ki"},
                       drain={"window": "1m", "closeCode": 4001, "closeReason": "back soon"},
                       rebalance={"perMinute": 60, "tolerance": 10}),
                backend(protocol="HTTPS", tls={"secretName": "ca", "verify": True, "name": "api.internal"},
                        timeouts={"connect": "2s", "read": "1m30s"}, retries={"conditions": ["error", "http_503"], "tries": 2},
                        balancing={"hashBy": "$cookie_user"},
                        affinity={"type": "Cookie", "mode": "Persistent", "cookieMaxAge": "1h"},
                        limits={"requestsPerEndpoint": 64, "queue": 200, "queueTimeout": "2s"},
                        healthCheck={"type": "Http", "path": "/healthz", "interval": "5s", "timeout": "5s"}),
                make("WeirConfig", {"tunnels": {"timeouts": {"idle": "15m"}},
                                    "backends": {"timeouts": {"connect": "2s"}, "protocol": "HTTPS"}})):
            with self.subTest(one["spec"]):
                self.assert_taken(one)

    def test_what_a_rule_is_about_is_refused_with_its_sentence(self):
        for one, sentence in (
                (tunnel([]), "spec.targetRefs: Invalid value"),
                (tunnel([SERVICE] * 2), "each target may be named once"),
                (tunnel([SERVICE | {"group": "apps"}]), "a Service is of group"),
                (tunnel([INGRESS | {"group": ""}]), "an Ingress of group networking.k8s.io"),
                (backend([INGRESS]), "Unsupported value: \"Ingress\""),
                (backend([SERVICE | {"group": "apps"}]), "a Service is of group"),
                (tunnel([SERVICE | {"sectionName": ""}]), "should be at least 1 chars long"),
                (tunnel(timeouts={"idle": "1 hour"}), "should match"),
                (tunnel(timeouts={"idle": "961h"}), "must be from 0s to"),
                (tunnel(timeouts={"handshake": "0s"}), "must be from 1ms to"),
                (tunnel(timeouts={"maxDurationSpread": 5}), "maxDurationSpread needs maxDuration"),
                (tunnel(keepalive={"pingMisses": 2}), "pingMisses needs pingInterval"),
                (tunnel(limits={"handshakeBurst": 2}), "handshakeBurst needs handshakesPerSecond"),
                (tunnel(limits={"handshakeWait": "1s"}), "handshakeWait needs handshakesPerSecond"),
                (tunnel(limits={"tunnels": 1, "tunnelsPerClient": 2}), "tunnelsPerClient must be at most tunnels"),
                (tunnel(limits={"tunnels": 1, "tunnelsPerEndpoint": 2}), "tunnelsPerEndpoint must be at most tunnels"),
                (tunnel(limits={"tunnels": -1}), "should be greater than or equal to 0"),
                (tunnel(limits={"frameSize": "64k"}), "should match"),
                (tunnel(drain={"closeCode": 1005}), "cannot be sent in a Close frame"),
                (tunnel(drain={"closeCode": 2000}), "cannot be sent in a Close frame"),
                (tunnel(drain={"closeCode": 5000}), "should be less than or equal to 4999"),
                (tunnel(rebalance={"tolerance": 5}), "tolerance needs perMinute"),
                (tunnel(origins={}), "spec.origins.allowed: Required value"),
                (tunnel(origins={"allowed": []}), "should have at least 1 items"),
                (tunnel(upgradeProtocols=["a", "a"]), "Duplicate value"),
                (tunnel(onRouteChange="keep"), "supported values: \"Keep\", \"Drain\", \"Cut\""),
                (backend(tls={"secretName": "ca"}), "tls needs protocol HTTPS"),
                (backend(protocol="HTTPS", tls={"verify": True}), "secretName: Required value"),
                (backend(protocol="HTTPS", tls={"secretName": "team/ca"}), "should match"),
                (backend(timeouts={"connect": "1500ms"}), "should match"),
                (backend(retries={"conditions": ["off", "error"]}), "off stands alone"),
                (backend(balancing={"algorithm": "Ewma", "hashBy": "$host"}), "algorithm and hashBy exclude each other"),
                (backend(affinity={"mode": "Balanced"}), "spec.affinity.type: Required value"),
                (backend(limits={"queue": 1}), "queue needs requestsPerEndpoint"),
                (backend(limits={"queueTimeout": "1s"}), "queueTimeout needs requestsPerEndpoint"),
                (backend(healthCheck={"path": "/"}), "spec.healthCheck.type: Required value"),
                (backend(healthCheck={"type": "Tcp", "path": "/"}), "path, host and status need type Http"),
                (backend(healthCheck={"type": "Tcp", "timeout": "9s", "interval": "5s"}), "timeout must be at most"),
                (make("WeirConfig", {"tunnels": {"keepalive": {"pingMisses": 2}}}), "pingMisses needs pingInterval"),
                (make("WeirConfig", {"backends": {"limits": {"queue": 1}}}), "queue needs requestsPerEndpoint")):
            with self.subTest(sentence):
                self.assert_refused(one, sentence)

    def test_every_rule_is_among_those(self):
        """A rule that nobody tried may refuse everything, or nothing."""
        source = (ROOT / "tests/chart/resources_test.py").read_text()
        for crd in DEFINITIONS:
            for place, node in self.nodes(crd):
                for rule in node.get("x-kubernetes-validations", []):
                    if rule["message"].startswith("must be from"):
                        continue
                    words = " ".join(rule["message"].split(":")[0].split()[:3])
                    self.assertTrue(words in source or rule["message"].split(",")[0] in source
                                    or rule["message"].split("and ")[-1] in source
                                    or "cannot be sent in a Close frame" in rule["message"], f"{place}: {rule['message']}")

    def nodes(self, crd):
        def walk(path, node):
            yield path, node
            for name, child in node.get("properties", {}).items():
                yield from walk(f"{path}.{name}", child)
            if "items" in node:
                yield from walk(f"{path}[]", node["items"])

        for version in crd["spec"]["versions"]:
            yield from walk(crd["spec"]["names"]["kind"], version["schema"]["openAPIV3Schema"])

    def test_every_field_is_described_and_bounded(self):
        for crd in DEFINITIONS:
            for place, node in self.nodes(crd):
                with self.subTest(place):
                    if not place.endswith("metadata"):
                        self.assertTrue(node.get("description", "").endswith("."), node)
                    if node["type"] == "array":
                        self.assertIn("maxItems", node)
                        self.assertIn("x-kubernetes-list-type", node)
                    if node["type"] == "string" and ".spec" in place:
                        self.assertTrue("maxLength" in node or "enum" in node, node)
                    self.assertNotIn("x-kubernetes-preserve-unknown-fields", node)

    def test_unknown_fields_are_refused_when_strict(self):
        answer = self.cluster.try_create(tunnel(limit=1))
        self.assertEqual(answer.status, 400)
        self.assertIn("unknown field \"spec.limit\"", answer.json["message"])

    def test_columns_category_and_short_names(self):
        for crd in DEFINITIONS:
            names = crd["spec"]["names"]
            self.assertEqual(names["categories"], ["weir"])
            self.assertTrue(names["shortNames"])
            columns = {one["name"] for one in crd["spec"]["versions"][0]["additionalPrinterColumns"]}
            self.assertLessEqual({"Accepted", "Programmed", "Age", "Reason", "Message"}, columns)

    def test_the_chart_makes_and_keeps_them(self):
        made = render_values({}).all("CustomResourceDefinition")
        self.assertEqual(sorted(one["metadata"]["name"] for one in made),
                         sorted(one["metadata"]["name"] for one in DEFINITIONS))
        for one in made:
            self.assertEqual(one["metadata"]["annotations"], {"helm.sh/resource-policy": "keep"})
            self.assertIn(one["spec"], [other["spec"] for other in DEFINITIONS])
        self.assertFalse(render_values({"crds": {"enabled": False}}).has("CustomResourceDefinition"))
        self.assertNotIn("annotations", render_values({"crds": {"keep": False}}).all(
            "CustomResourceDefinition")[0]["metadata"])


def ingress(annotations, name="a", class_name="weir"):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "namespace": "default", "annotations": annotations},
            "spec": {"ingressClassName": class_name,
                     "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}


NGINX = "nginx.ingress.kubernetes.io/"


class AdmissionPolicy(WithCluster):
    @classmethod
    def setUpClass(cls):
        # What is wrong before the policy comes.
        cls.old = ingress({"weir.dev/tunnel-limit": "many", "weir.dev/websocket": "on"}, "old")
        assert cls.cluster.apply(cls.old).status == 201
        cls.objects = render_values({"admissionPolicy": {"enabled": True, "failurePolicy": "Fail"}})
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
            answer = cls.cluster.apply(cls.objects.one(kind))
            assert answer.status == 201, answer
        wrong = ingress({"weir.dev/websocket": "maybe"})
        # It counts a while after it is there.
        assert eventually(lambda: cls.cluster.try_create(wrong).status == 422)

    def test_its_types_are_right(self):
        name = self.objects.one("ValidatingAdmissionPolicy")["metadata"]["name"]
        path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"

        def checked():
            status = self.cluster.request("GET", path).json.get("status", {})
            return "typeChecking" in status

        # There is no controller-manager that would check; the server has compiled it at least.
        self.assertFalse(checked() and self.cluster.request("GET", path).json["status"]["typeChecking"].get(
            "expressionWarnings"))

    def test_good_ones_are_taken(self):
        for annotations in (
                {}, {"weir.dev/websocket": "off"}, {"weir.dev/tunnel-limit": " 10 "}, {"weir.dev/tunnel-limit": ""},
                {"weir.dev/tunnel-idle-timeout": "1h30m"}, {"weir.dev/tunnel-idle-timeout": "90"},
                {"weir.dev/tunnel-idle-timeout": "2d"}, {"weir.dev/tunnel-max-frame": "64k"},
                {"weir.dev/tunnel-allowed-origins": "same-host, https://a.example"},
                {NGINX + "ssl-redirect": "true"}, {NGINX + "backend-protocol": "https"},
                {NGINX + "backend-protocol": "GRPC"}, {NGINX + "nobody-knows": "1"},
                {NGINX + "enable-modsecurity": "false"}, {"example.com/other": "x"}):
            with self.subTest(annotations):
                self.assert_taken(ingress(annotations))

    def test_wrong_ones_are_refused_with_annotation_and_fix(self):
        for annotations, sentence in (
                ({"weir.dev/websocket": "maybe"}, 'annotation weir.dev/websocket must be "on" or "off"'),
                ({"weir.dev/tunnel-limit": "-1"}, "annotation weir.dev/tunnel-limit must be a whole number"),
                ({"weir.dev/tunnel-ping-misses": "0"}, "annotation weir.dev/tunnel-ping-misses must be a whole number of Pings from 1 to 100"),
                ({"weir.dev/tunnel-idle-timeout": "soon"}, "annotation weir.dev/tunnel-idle-timeout must be a time"),
                ({"weir.dev/tunnel-drain-window": "25h"}, "annotation weir.dev/tunnel-drain-window must be a time"),
                ({"weir.dev/tunnel-max-frame": "big"}, "annotation weir.dev/tunnel-max-frame must be a size"),
                ({"weir.dev/tunnel-close-reason": "x" * 124}, "annotation weir.dev/tunnel-close-reason must be a text"),
                ({"weir.dev/tunnel-on-route-change": "Keep"}, 'must be "keep", "drain" or "cut"'),
                ({NGINX + "ssl-redirect": "yes"}, f'annotation {NGINX}ssl-redirect must be "true" or "false"'),
                ({NGINX + "server-snippet": "x"}, f"annotation {NGINX}server-snippet never has an effect"),
                ({"weir.dev/tunel-limit": "1"}, "weir knows no annotation weir.dev/tunel-limit")):
            with self.subTest(annotations):
                self.assert_refused(ingress(annotations), sentence)

    def test_others_classes_are_none_of_its_business(self):
        self.assert_taken(ingress({"weir.dev/websocket": "maybe"}, class_name="other"))

    def test_what_was_wrong_already_may_stay(self):
        changed = copy.deepcopy(self.old)
        changed["metadata"]["annotations"]["weir.dev/websocket"] = "off"
        self.assertEqual(self.cluster.apply(changed).status, 200)
        changed["metadata"]["annotations"]["weir.dev/tunnel-limit"] = "more"
        answer = self.cluster.apply(changed)
        self.assertEqual(answer.status, 422, answer)

    def test_as_many_annotations_as_there_may_be(self):
        """Within CEL's budget: with Fail, an Ingress that exceeds it would be refused."""
        many = {f"{NGINX}unknown-{i}": "x" * 200 for i in range(1000)}
        self.assert_taken(ingress(many))

    def test_an_old_cluster_has_none(self):
        with self.assertRaisesRegex(Exception, "ValidatingAdmissionPolicy, it takes 1.30"):
            render_values({"admissionPolicy": {"enabled": True}}, kube="1.29.0")


if __name__ == "__main__":
    unittest.main()
