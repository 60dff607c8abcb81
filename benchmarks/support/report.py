"""Common form of all benchmarks: timing, comparison with a peer, and output.

A benchmark is a script ``bench_NAME.py`` in the parent folder. It measures ``Figure``s and ends
with ``show``; ``ros2 run der_ros benchmark NAME`` finds it and passes its arguments on.
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
        name: Name of the quantity.
        value: Our value.
        unit: Unit of both values; empty for a plain number.
        peer: Peer measured in the same run; None if there is none.
        peer_value: The peer's value.
        ratio: Factor by which this package is better than the peer, above 1 if it is; the same
            for rates and times.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


def more_is_better(name: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
    """Return a figure with a peer for which more is better, such as a rate."""
    return Figure(name, value, unit, peer, peer_value, value / peer_value)


def less_is_better(name: str, value: float, unit: str, peer: str, peer_value: float) -> Figure:
    """Return a figure with a peer for which less is better, such as a time or a size."""
    return Figure(name, value, unit, peer, peer_value, peer_value / value)


def best_rates(*bodies: Body, rows: int = 1, turns: int = 3, turn_s: float = 0.3) -> list[float]:
    """Return the best rate of each body, rows per second, over alternating turns.

    Args:
        *bodies: Functions to measure.
        rows: Number of rows that one call handles.
        turns: Number of turns of each body.
        turn_s: Duration of one turn, s.
    """
    best = [0.0] * len(bodies)
    for _ in range(turns):
        for number, body in enumerate(bodies):
            best[number] = max(best[number], rows * _rate(body, turn_s))
    return best


def call_times_us(body: Body, calls: int = 20_000) -> NDArray[np.float64]:
    """Return the duration of each call, us, shape (calls,), after a warm-up of ``calls / 10``."""
    for _ in range(calls // 10):
        body()
    times = np.empty(calls)
    for number in range(calls):
        start = time.perf_counter_ns()
        body()
        times[number] = time.perf_counter_ns() - start
    return times / 1e3


def percentiles(name: str, values: NDArray[np.float64], unit: str) -> list[Figure]:
    """Return p50 and p99 of the values as figures."""
    return [
        Figure(f"{name}_p{percent}", float(np.percentile(values, percent)), unit)
        for percent in (50, 99)
    ]


def argument_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with ``--json``, described by the docstring's first line."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def count(text: str) -> int:
    """Return a whole number of at least 1, as argparse's ``type``."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return int(text)


def show(benchmark: str, figures: Iterable[Figure], as_json: bool) -> None:
    """Print a table, or one JSON object ``{benchmark, figures: {name: {...}}}``."""
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
    """Return the fields of each figure by its name, without those that are None."""
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
