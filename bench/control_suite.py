"""Suite "control": what a large cluster takes of weir-controller, on a real API server, and 100 000
routes out of a folder. No part of a plain `bench/run`: it takes a kube-apiserver, root and minutes."""

import json
import math
import subprocess

from harness import BIN, BenchError, ROOT
from report import Metric

SECONDS = 20  # of endpoint changes
ROUNDS = 1
VERSIONS = ("weir", "compiler")
MEGABYTE = 1e6
METRICS = [(None, Metric("ready-after-lists", "ms", 1_500, part="ready_ms"),
            Metric("controller-memory", "MB", 80, part="controller_mb"),
            Metric("endpoint-changes-10-cpu", "of a core", 0.005, part="endpoint_changes_cpu"),
            Metric("change-served-p50", "ms", part="p50"),
            Metric("change-served-p99", "ms", 10, part="p99"),
            Metric("status-writes-per-ingress", "writes", 1, part="writes"),
            Metric("status-writes-later", "writes", 0, part="status_writes_again"),
            Metric("folder-ready", "ms", 8_000, part="folder_ready_ms"),
            Metric("folder-table-memory", "MB", 60, part="table_mb"))]


def run(options, selected, collect):
    meta = {}
    for number in range(options.rounds):
        assets = subprocess.run([ROOT / "tools/kube-assets"], stdout=subprocess.PIPE, text=True)
        program = subprocess.run(
            [BIN / "weir_bench_control", "--ingresses", str(options.ingresses), "--seconds",
             str(round(options.seconds))], stdout=subprocess.PIPE,
            env={"KUBEBUILDER_ASSETS": assets.stdout.strip()}, text=True)
        result = json.loads(program.stdout or '{"error": "it said nothing"}')
        if "error" in result:
            raise BenchError(result["error"])
        times = sorted(result.pop("change_ms"))
        result |= {"p50": times[len(times) // 2], "p99": times[math.ceil(0.99 * len(times)) - 1],
                   "controller_mb": result["controller_bytes"] / MEGABYTE,
                   "table_mb": result["table_bytes"] / MEGABYTE,
                   "writes": result["status_writes"] / result["ingresses"]}
        for metric in METRICS[0][1:]:
            if selected(metric.name):
                collect(metric, number, {"weir": result[metric.part]})
        meta = {"versions": {"kubernetes": result["kubernetes"]}, "ingresses": result["ingresses"],
                "routes": result["routes"], "changes": result["changes"]}
    return meta
