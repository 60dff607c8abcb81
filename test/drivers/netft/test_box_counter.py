import socket
from dataclasses import replace
from itertools import pairwise

import pytest
from netft_rig import SENSOR, a_box

from der_ros.drivers.netft.rdt import Command, Request, decode_record, encode_request


@pytest.mark.parametrize("rate_hz", [7000, 1000, 250])
def test_the_box_counter_advances_by_7000_samples(rate_hz):
    with (
        a_box(replace(SENSOR, rdt_rate_hz=rate_hz)) as box,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.settimeout(5.0)
        udp.connect(("127.0.0.1", box.rdt_port))
        udp.send(encode_request(Request(Command.START_REALTIME, 40)))
        counts = [decode_record(udp.recv(100)).ft_sequence for _ in range(40)]
    steps = [after - before for before, after in pairwise(counts)]
    assert min(steps) >= 7000 // rate_hz
    assert sorted(steps)[len(steps) // 2] == 7000 // rate_hz
