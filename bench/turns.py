"""Rounds: every proxy in turns, each metric after the other."""

import contextlib

from harness import PROXIES, Backend, BenchError, Folder, Proxy, say


class Run:
    """The proxies of one run, all started once and loaded in turns."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.proxies = {}
        self.parts = contextlib.ExitStack()
        self.folder = Folder()
        self.parts.callback(self.folder.remove)
        self.backend = Backend(self.folder)
        self.parts.callback(self.backend.stop)

    def __enter__(self):
        with contextlib.ExitStack() as started:
            for kind in PROXIES:
                proxy = Proxy(kind, self.folder, self.backend.port)
                self.proxies[kind] = proxy
                started.callback(proxy.stop)
            self.parts.push(started.pop_all())
        return self

    def __exit__(self, *_):
        self.parts.close()


def in_turns(under_test, metrics_of, options, selected, collect):
    """Round by round; `collect(metric, round, figures)` takes each {program: figure}.

    `metrics_of`: a measurement and the rows that it gives. One that has nothing to say of a program
    gives None for it.
    """
    kinds = list(under_test.proxies)
    for measure, *metrics in metrics_of:
        wanted = [metric for metric in metrics if selected(metric.name)]
        if not wanted:
            continue
        for number in range(options.rounds):
            # Whoever comes first in one round is last in the next.
            turn = number % len(kinds)
            figures = {}
            try:
                for kind in kinds[turn:] + kinds[:turn]:
                    figures[kind] = measure(under_test, under_test.proxies[kind])
            except BenchError as error:
                say(f"{wanted[0].name}: round {number + 1} is void: {kind}: {error}")
                continue
            for metric in wanted:
                collect(metric, number, {kind: figures[kind][metric.part] for kind in kinds
                                         if figures[kind] is not None})
