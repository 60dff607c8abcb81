"""RDT at 7000 Hz: is anything lost by us, and what does it cost; prints one JSON object.

The sender runs in a process of its own, as the box is a device of its own; its lateness is reported
apart. Cost is CPU time of the receiving process (all threads), so it holds on a busy computer too.
The naive receiver does what comes first to mind: one blocking read and one full decode a record.

    python benchmarks/bench_netft.py [--seconds 60] [--rate-hz 7000]
"""

import argparse
import json
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.rdt import (
    RECORD_BYTES,
    Command,
    RdtRecord,
    Request,
    decode_record,
    encode_records,
    encode_request,
)
from der_ros.drivers.netft.records import NetFtConfig, WrenchSample
from der_ros.drivers.netft.status import decode_status
from der_ros.drivers.realtime import settle_collector

PUBLISH_HZ = 500.0
SCALE = SensorConfiguration(product_name="NETB")


def sender(rate_hz: float, per_packet: int, pipe: Connection) -> None:
    """The box: sends from the first start command on until told; then tells its own figures."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        pipe.send(udp.getsockname()[1])
        owner = udp.recvfrom(64)[1]
        period_ns = int(1e9 * per_packet / rate_hz)
        number, late_ns = 0, []
        start = time.monotonic_ns()
        while not (len(late_ns) % 64 == 0 and pipe.poll()):
            due = start + len(late_ns) * period_ns
            wait = due - time.monotonic_ns()
            if wait > 0:
                time.sleep(1e-9 * wait)
            records = [
                RdtRecord(number + i, number + i, 0, 1000, 0, 0, 0, 0, 0)
                for i in range(1, per_packet + 1)
            ]
            udp.sendto(encode_records(records), owner)
            late_ns.append(time.monotonic_ns() - due)
            number += per_packet
        late_us = np.array(late_ns) / 1e3
        seconds = 1e-9 * (time.monotonic_ns() - start)
    p50, p99 = np.percentile(late_us, (50, 99)).tolist()
    pipe.recv()
    pipe.send((number, number / seconds, {"p50": p50, "p99": p99, "max": float(late_us.max())}))


@contextmanager
def sending(rate_hz: float, per_packet: int) -> Iterator[tuple[int, Connection]]:
    """A sender in another process; its port, and the pipe to end it with."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=sender, args=(rate_hz, per_packet, there), daemon=True
    )
    child.start()
    try:
        yield here.recv(), here
    finally:
        child.join(5.0)
        child.kill()


def measure(
    rate_hz: float,
    per_packet: int,
    seconds: float,
    receive: Callable[[int, float], dict[str, float]],
) -> dict[str, object]:
    """One receiver for ``seconds``; what it took and what was sent."""
    with sending(rate_hz, per_packet) as (port, pipe):
        load_before = os.getloadavg()[0]
        figures = receive(port, seconds)
        pipe.send("end")
        sent, true_rate, late_us = pipe.recv()
    return {
        **figures,
        "sent": sent,
        "sent_hz": true_rate,
        "sender_late_us": late_us,
        "load_average": load_before,
    }


def with_client(every_record: bool, buffered: bool) -> Callable[[int, float], dict[str, float]]:
    """The package's client, with a listener that thins out to the node's rate."""

    def receive(port: int, seconds: float) -> dict[str, float]:
        taken, due = [0], [0.0]

        def listen(sample: WrenchSample) -> None:
            if sample.stamp_monotonic_s >= due[0]:
                due[0] = sample.stamp_monotonic_s + 1.0 / PUBLISH_HZ
                taken[0] += 1

        config = NetFtConfig(
            "127.0.0.1", port, configuration=SCALE, buffered=buffered, every_record=every_record
        )
        with NetFtClient(config, listen) as client:
            while client.statistics.records == 0:
                time.sleep(0.01)
            settle_collector()
            begin, cpu = client.statistics, time.process_time()
            start = time.monotonic()
            time.sleep(seconds)
            spent, wall = time.process_time() - cpu, time.monotonic() - start
            figures = client.statistics
        records = figures.records - begin.records
        return {
            "records": records,
            "lost": figures.lost,
            "taken": taken[0],
            "cpu_percent": 100.0 * spent / wall,
            "cpu_us_per_record": 1e6 * spent / records,
        }

    return receive


def naive(port: int, seconds: float) -> dict[str, float]:
    """A blocking read and a full decode of every record, in a thread; no order, no recovery."""
    count, last, lost = 0, 0, 0
    end = threading.Event()

    def read(udp: socket.socket) -> None:
        nonlocal count, last, lost
        while not end.is_set():
            packet = udp.recv(2048)
            for offset in range(0, len(packet), RECORD_BYTES):
                record = decode_record(packet, offset)
                SCALE.wrench(record)
                decode_status(record.status)
                lost += record.rdt_sequence - last - 1
                count, last = count + 1, record.rdt_sequence

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1.0)
        udp.connect(("127.0.0.1", port))
        udp.send(encode_request(Request(Command.START_REALTIME)))
        thread = threading.Thread(target=read, args=(udp,))
        thread.start()
        before, cpu, start = count, time.process_time(), time.monotonic()
        time.sleep(seconds)
        spent, wall = time.process_time() - cpu, time.monotonic() - start
        records = count - before
        end.set()
        thread.join()
    return {
        "records": records,
        "lost": lost,
        "cpu_percent": 100.0 * spent / wall,
        "cpu_us_per_record": 1e6 * spent / records,
    }


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the single-record run")
    parser.add_argument("--rate-hz", type=float, default=7000.0, help="records a second")
    arguments = parser.parse_args()
    rate, seconds = arguments.rate_hz, arguments.seconds
    some = min(seconds, 10.0)
    figures = {
        "single": measure(rate, 1, seconds, with_client(False, False)),
        "buffered_40": measure(rate, 40, some, with_client(False, True)),
        "single_every_record": measure(rate, 1, some, with_client(True, False)),
        "naive": measure(rate, 1, some, naive),
    }
    ours, theirs = (figures[key]["cpu_us_per_record"] for key in ("single", "naive"))
    print(json.dumps({"rate_hz": rate, **figures, "ratio": ours / theirs}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
