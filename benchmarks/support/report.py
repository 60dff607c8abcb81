"""The one form of all benchmarks: timing, races against a peer, and what is printed.

A benchmark is a script ``bench_NAME.py`` beside this file. It measures ``Figure``s and ends with
``show``; ``ros2 run der_ros benchmark NAME`` finds it and passes its arguments on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Body = Callable[[], object]


class Figure(NamedTuple):
    """One measured number.

    Attributes:
        name: what was measured.
        value: ours.
        unit: of both values; empty for a plain number.
        peer: what it was raced against in the same run; None where there is nothing alike.
        peer_value: the peer's number.
        ratio: how many times better than the peer; above 1 we win, whichever way the unit counts.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


def more_is_better(name: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
    """Return a raced figure such as a rate."""
    return Figure(name, value, unit, peer, peer_value, value / peer_value)


def less_is_better(name: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
    """Return a raced figure such as a time or a size."""
    return Figure(name, value, unit, peer, peer_value, peer_value / value)


def best_rates(*bodies: Body, rows: int = 1, turns: int = 3, turn_s: float = 0.3) -> list[float]:
    """Rows a second of each body, which take turns; of the turns the best counts.

    Args:
        *bodies: each handles ``rows`` rows a call.
        rows: what one call counts for.
        turns: how often each is measured.
        turn_s: how long one turn lasts, s.
    """
    best = [0.0] * len(bodies)
    for _ in range(turns):
        for number, body in enumerate(bodies):
            best[number] = max(best[number], rows * _rate(body, turn_s))
    return best


def call_times_us(body: Body, calls: int = 20_000) -> NDArray[np.float64]:
    """Return the times of ``calls`` calls, us, after a warm-up of a tenth as many."""
    for _ in range(calls // 10):
        body()
    times = np.empty(calls)
    for number in range(calls):
        start = time.perf_counter_ns()
        body()
        times[number] = time.perf_counter_ns() - start
    return times / 1e3


def percentiles(name: str, values: NDArray[np.float64], unit: str) -> list[Figure]:
    """``name`` p50 and p99 of many values."""
    return [
        Figure(f"{name}_p{percent}", float(np.percentile(values, percent)), unit)
        for percent in (50, 99)
    ]


def argument_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with ``--json``, described by the docstring's first line."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def show(benchmark: str, figures: Iterable[Figure], as_json: bool) -> None:
    """Print a table for people, or one JSON object: ``{benchmark, figures: {name: {...}}}``."""
    if as_json:
        print(json.dumps({"benchmark": benchmark, "figures": as_data(figures)}))
        return
    for figure in figures:
        line = f"{figure.name:<32}{_number(figure.value):>12} {figure.unit:<10}"
        if figure.peer_value is not None:
            peer = f"{figure.peer}: {_number(figure.peer_value)}"
            line += f" {peer:<32} ratio {figure.ratio:.2f}"
        print(line.rstrip())


def as_data(figures: Iterable[Figure]) -> dict[str, dict[str, object]]:
    """Return the figures by name, without what they do not have."""
    return {
        figure.name: {
            key: value
            for key, value in figure._asdict().items()
            if key != "name" and value is not None
        }
        for figure in figures
    }


def _rate(body: Body, seconds: float) -> float:
    calls, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or calls == 0:
        body()
        calls += 1
    return calls / passed


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
