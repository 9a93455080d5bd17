"""Suite "table": what a change of the route table costs, at 10 to 100 000 routes, and what 10 000
certificates cost. No peers: they take their configuration by other means."""

import json
import subprocess
import threading
import time

from harness import (BIN, Backend, BenchError, Folder, cpus, free_port, load, pinned, say, start,
                     stop, user_bytes)
from report import Metric

SECONDS = 3
ROUNDS = 5
VERSIONS = ("weir", "compiler")
CHANGES = 200
STREAM_RATE = 1000  # requests a second, during the changes and their rehearsal
WORKERS = 2  # so that an Ack means more than one of them
BARS_MS = {10: 2, 1_000: 2, 10_000: 3, 100_000: 10}
SLOPE = (10_000, 100_000)  # routes between which the memory for each is taken


def metrics_of(routes):
    push_bar = 600 if routes == 100_000 else None
    return [
        Metric(f"update-p50-{routes}", "ms", part="p50"),
        Metric(f"update-p99-{routes}", "ms", BARS_MS[routes], part="p99"),
        Metric(f"stall-{routes}", "ms", 1, part="stall"),
        Metric(f"full-push-{routes}", "ms", push_bar, part="push"),
    ]


MEMORY = Metric("route-memory", "B", 500)
CERTIFICATES = (1_000, 10_000)
CERTIFICATE_PUSH = Metric(f"certificates-{CERTIFICATES[1]}", "ms", 1_000)
CERTIFICATE_MEMORY = Metric("certificate-memory", "B")
METRICS = [(routes, *metrics_of(routes)) for routes in BARS_MS] + [
    (None, MEMORY, CERTIFICATE_PUSH, CERTIFICATE_MEMORY)]


def run(options, selected, collect):
    folder = Folder()
    backend = Backend(folder)
    try:
        for number in range(options.rounds):
            memory = {}
            for routes in BARS_MS:
                metrics = [metric for metric in metrics_of(routes) if selected(metric.name)]
                for_memory = selected(MEMORY.name) and routes in SLOPE
                if not metrics and not for_memory:
                    continue
                try:
                    figures = measure(folder, backend, routes, number)
                except BenchError as error:
                    say(f"{routes} routes: round {number + 1} is void: {error}")
                    continue
                memory[routes] = figures["memory"]
                for metric in metrics:
                    collect(metric, number, {"weir": figures[metric.part]})
            if selected(MEMORY.name) and all(routes in memory for routes in SLOPE):
                few, many = SLOPE
                slope = (memory[many] - memory[few]) / (many - few)
                collect(MEMORY, number, {"weir": slope})
            wanted = [metric for metric in (CERTIFICATE_PUSH, CERTIFICATE_MEMORY)
                      if selected(metric.name)]
            if wanted:
                certificates(folder, number, wanted, collect)
    finally:
        backend.stop()
        folder.remove()


def certificates(folder, number, wanted, collect):
    try:
        (_, few), (push, many) = [push_certificates(folder, count, number)
                                  for count in CERTIFICATES]
    except BenchError as error:
        say(f"certificates: round {number + 1} is void: {error}")
        return
    slope = (many - few) / (CERTIFICATES[1] - CERTIFICATES[0])
    for metric, figure in ((CERTIFICATE_PUSH, push), (CERTIFICATE_MEMORY, slope)):
        if metric in wanted:
            collect(metric, number, {"weir": figure})


def push_certificates(folder, count, number):
    """Milliseconds until all are live, and the memory of the proxy then."""
    control = folder.path / f"certificates-{count}-{number}.sock"
    port = free_port()
    argv = [BIN / "weir_bench_table", "--socket", control, "--backend", port, "--http", port,
            "--certificates", count]
    controller = subprocess.Popen(pinned(argv, cpus()[1]), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
    proxy = start([BIN / "weir-proxy", "--socket", control, "--threads", WORKERS, "--http",
                   f"127.0.0.1:{port}"], cpus()[0], folder.path / "proxy.log")
    try:
        push = answer_of(controller)["push_ms"]
        time.sleep(0.5)  # as in `measure`
        return push, user_bytes([proxy.pid])
    finally:
        stop(controller)
        stop(proxy)


def measure(folder, backend, routes, number):
    control = folder.path / f"{routes}-{number}.sock"
    port = free_port()
    argv = [BIN / "weir_bench_table", "--socket", control, "--backend", backend.port, "--http",
            port, "--routes", routes, "--changes", CHANGES]
    controller = subprocess.Popen(pinned(argv, cpus()[1]), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
    # The stream's connections last for more requests than clients may usually have.
    proxy = start([BIN / "weir-proxy", "--socket", control, "--threads", WORKERS, "--http",
                   f"127.0.0.1:{port}", "--requests-per-connection", 1_000_000_000], cpus()[0],
                  folder.path / "proxy.log")
    try:
        push = answer_of(controller)["push_ms"]
        time.sleep(0.5)  # the update's own memory is given back
        memory = user_bytes([proxy.pid])
        _, quiet = next_step_under_load(controller, port)
        answer, stream = next_step_under_load(controller, port)
        changes = sorted(answer["change_ms"])
    finally:
        stop(controller)
        stop(proxy)
    return {
        "push": push,
        "memory": memory,
        "p50": changes[len(changes) // 2],
        "p99": changes[int(len(changes) * 0.99)],
        # What the stream waits longer than in the rehearsal; the machine has stalls of its own.
        "stall": max(stream["max_us"] - quiet["max_us"], 0) / 1000,
    }


def next_step_under_load(controller, port):
    """What the controller's stand-in says of it, and what a stream of requests saw meanwhile."""
    answers = []

    def step():
        controller.stdin.write("go\n")
        controller.stdin.flush()
        try:
            answers.append(answer_of(controller))
        except BenchError as error:
            answers.append(error)

    thread = threading.Thread(target=step)
    thread.start()
    try:
        stream = load(port, "--rate", STREAM_RATE, "--seconds", 3)
    finally:
        thread.join()
    if isinstance(answers[0], BenchError):
        raise answers[0]
    return answers[0], stream


def answer_of(controller):
    line = controller.stdout.readline()
    answer = json.loads(line) if line else {"error": "the controller's stand-in ended"}
    if "error" in answer:
        raise BenchError(answer["error"])
    return answer
