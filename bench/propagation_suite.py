"""Suite "propagation": from the API server's answer to a write until it is served. No part of a
plain `bench/run`: it needs a kube-apiserver (`make bench-propagation` builds it)."""

import json
import math
import subprocess

from harness import BIN, BenchError, ROOT
from report import Metric

SECONDS = 3
ROUNDS = 1
VERSIONS = ("weir", "compiler")
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1}
METRICS = [(None, Metric("propagation_p50", "ms", 2, part="p50"),
            Metric("propagation_p90", "ms", part="p90"),
            Metric("propagation_p99", "ms", 5, part="p99"),
            Metric("propagation_max", "ms", part="max"))]


def run(options, selected, collect):
    meta = {}
    for number in range(options.rounds):
        assets = subprocess.run([ROOT / "tools/kube-assets"], stdout=subprocess.PIPE, text=True)
        program = subprocess.run([BIN / "weir_bench_propagation"], stdout=subprocess.PIPE,
                                 env={"KUBEBUILDER_ASSETS": assets.stdout.strip()}, text=True)
        result = json.loads(program.stdout or '{"error": "it said nothing"}')
        if "error" in result:
            raise BenchError(result["error"])
        times = sorted(result.pop("change_ms"))
        for metric in METRICS[0][1:]:
            if selected(metric.name):
                rank = max(math.ceil(SHARES[metric.part] * len(times)), 1) - 1
                collect(metric, number, {"weir": times[rank]})
        meta = {"versions": {"kubernetes": result.pop("kubernetes")}, **result}
    return meta
