"""Renders the chart for the tests of this folder."""

import functools
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/weir"
VALUES = ROOT / "tests/chart/values"
VARIANTS = sorted(file.stem for file in VALUES.glob("*.yaml"))
HELMS = ("helm3", "helm4")
KUBE = "1.36.4"  # of a variant that names no other one

# As deep as the release's name and namespace may differ.
RELEASE = "weir"
NAMESPACE = "weir"


class Refused(Exception):
    """Helm failed; the message is what it said."""


def tool(name):
    return str(Path(os.environ["CHART_TOOLS"]) / name)


def helm(which, *arguments, kubeconfig="/nowhere"):
    """What it prints. Its own folders are empty ones, whatever the user has."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(kubeconfig)}
        ran = subprocess.run([tool(which), *map(str, arguments)], env=environment, text=True,
                             capture_output=True, check=False)
    if ran.returncode != 0:
        raise Refused(ran.stderr + ran.stdout)
    return ran.stdout


def kube_version(variant):
    named = re.match(r"# kube-version: (\S+)", (VALUES / f"{variant}.yaml").read_text())
    return named[1] if named else KUBE


@functools.lru_cache(maxsize=None)
def template(which, variant):
    return helm(which, "template", RELEASE, CHART, "--namespace", NAMESPACE, "--kube-version",
                kube_version(variant), "--values", VALUES / f"{variant}.yaml")


def objects_of(text):
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def render(variant, which="helm4"):
    return Objects(objects_of(template(which, variant)))


def template_values(values, which="helm4", kube=KUBE):
    """The same, of values that have no file."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        return helm(which, "template", RELEASE, CHART, "--namespace", NAMESPACE, "--kube-version", kube,
                    "--values", file.name)


def render_values(values, which="helm4", kube=KUBE):
    return Objects(objects_of(template_values(values, which, kube)))


@functools.lru_cache(maxsize=None)
def notes(variant):
    text = helm("helm4", "install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client",
                "--output", "json", "--values", VALUES / f"{variant}.yaml")
    return json.loads(text)["info"]["notes"]


class Objects(list):
    """Rendered objects."""

    def all(self, kind):
        return [one for one in self if one["kind"] == kind]

    def one(self, kind, name=None):
        fitting = [one for one in self.all(kind) if name in (None, one["metadata"]["name"])]
        if len(fitting) != 1:
            raise AssertionError(f"{len(fitting)} objects of kind {kind} named {name}")
        return fitting[0]

    def has(self, kind, name=None):
        return any(name in (None, one["metadata"]["name"]) for one in self.all(kind))

    @property
    def workload(self):
        return (self.all("Deployment") + self.all("DaemonSet"))[0]

    @property
    def pod(self):
        return self.workload["spec"]["template"]["spec"]

    def container(self, name):
        both = self.pod["containers"] + self.pod.get("initContainers", [])
        return next(one for one in both if one["name"] == name)

    def args(self, name):
        return self.container(name)["args"]


def pod_of(template_of_it, name, namespace):
    """The Pod that a controller would make of a template."""
    metadata = {"name": name, "namespace": namespace}
    for part in ("labels", "annotations"):
        if part in template_of_it["metadata"]:
            metadata[part] = template_of_it["metadata"][part]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template_of_it["spec"]}
