"""RDT at 7000 Hz: records lost by the receiver, and its CPU time.

The sender runs in its own process, as the box is a device of its own; its lateness is reported
separately. The cost is CPU time of the receiving process (all threads), so it is valid on a busy
computer. The peer is the simplest receiver: one blocking read and one full decode per record.

    ros2 run der_ros benchmark netft [--seconds 60] [--rate-hz 7000] [--json]
"""

import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import NetFtConfig, WrenchSample
from der_ros.drivers.netft.rdt import (
    RECORD_BYTES,
    Command,
    RdtRecord,
    Request,
    decode_record,
    decode_status,
    encode_records,
    encode_request,
)
from der_ros.drivers.realtime import relax_collector
from support.report import Figure, argument_parser, less_is_better, show

PUBLISH_HZ = 500.0
SCALE = SensorConfiguration(product_name="NETB")


def sender(rate_hz: float, per_packet: int, pipe: Connection) -> None:
    """Simulate the box: send from the first start command until told to stop, then report."""
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
    pipe.send((number / seconds, {"p50": p50, "p99": p99, "max": float(late_us.max())}))


@contextmanager
def sending(rate_hz: float, per_packet: int) -> Iterator[tuple[int, Connection]]:
    """Run a sender in a child process for the block; yield its port and its pipe."""
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


class Reception(NamedTuple):
    """Number of received and lost records, duration, and CPU time used."""

    records: int
    lost: int
    seconds: float
    cpu_s: float

    @property
    def cpu_us_per_record(self) -> float:
        """CPU time of the whole process per record, us."""
        return 1e6 * self.cpu_s / self.records


Receiver = Callable[[int, float], Reception]


def measure(
    name: str, rate_hz: float, per_packet: int, seconds: float, receive: Receiver
) -> tuple[Reception, list[Figure]]:
    """Run one receiver for ``seconds``; return its result, and the figures of both sides."""
    with sending(rate_hz, per_packet) as (port, pipe):
        load = os.getloadavg()[0]
        got = receive(port, seconds)
        pipe.send("end")
        sent_hz, late_us = pipe.recv()
    return got, [
        Figure(f"{name}_sent", sent_hz, "1/s"),
        Figure(f"{name}_received", got.records / got.seconds, "1/s"),
        Figure(f"{name}_lost", got.lost, "records"),
        Figure(f"{name}_cpu", 100.0 * got.cpu_s / got.seconds, "% of a core"),
        *(Figure(f"{name}_sender_late_{which}", late, "us") for which, late in late_us.items()),
        Figure(f"{name}_load_before", load, ""),
    ]


def with_client(every_record: bool, buffered: bool) -> Receiver:
    """Return a receiver with the package's client and a listener at the node's rate."""

    def receive(port: int, seconds: float) -> Reception:
        due = [0.0]

        def listen(sample: WrenchSample) -> None:
            if sample.stamp_monotonic_s >= due[0]:
                due[0] = sample.stamp_monotonic_s + 1.0 / PUBLISH_HZ

        config = NetFtConfig(
            "127.0.0.1", port, configuration=SCALE, buffered=buffered, every_record=every_record
        )
        with NetFtClient(config, listen) as client:
            while client.statistics.records == 0:
                time.sleep(0.01)
            relax_collector()
            begin, cpu = client.statistics, time.process_time()
            start = time.monotonic()
            time.sleep(seconds)
            spent, wall = time.process_time() - cpu, time.monotonic() - start
            figures = client.statistics
        return Reception(figures.records - begin.records, figures.lost, wall, spent)

    return receive


def naive(port: int, seconds: float) -> Reception:
    """Receive with a blocking read and a full decode of every record, in a thread."""
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
    return Reception(records, lost, wall, spent)


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the first run, s")
    parser.add_argument("--rate-hz", type=float, default=7000.0, help="records per second")
    options = parser.parse_args()
    some = min(options.seconds, 10.0)
    runs = {
        "single": (1, options.seconds, with_client(False, False)),
        "buffered": (40, some, with_client(False, True)),
        "every_record": (1, some, with_client(True, False)),
        "naive": (1, some, naive),
    }
    cost, figures = {}, []
    for name, (per_packet, seconds, receive) in runs.items():
        got, more = measure(name, options.rate_hz, per_packet, seconds, receive)
        cost[name] = got.cpu_us_per_record
        figures += more
    theirs = cost.pop("naive")
    figures += [
        less_is_better(f"{name}_cost", ours, "us/record", "naive receiver", theirs)
        for name, ours in cost.items()
    ]
    show("netft", figures, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
