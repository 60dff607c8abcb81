"""Faults through sockets: each gives the right state and reason, and clears afterwards."""

import socket
from dataclasses import replace

import numpy as np
import pytest
from netft_rig import FAST, SENSOR, TRUTH, connected, state
from netft_tables import RECORDS
from waiting import until

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.faulty_link import BoxFaults, FaultyLink
from der_ros.drivers.netft.netft_records import ClientState, NetFtConfig
from der_ros.drivers.netft.rdt import Severity
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Wrench

BUSY = replace(SENSOR, rdt_rate_hz=1000)


def settled(box, client):
    """Return the client's figures, without faults, once all data in transit has arrived."""
    box.faults = BoxFaults()
    before = client.statistics.records
    assert until(lambda: client.statistics.records > before + 50)
    return client.statistics


@pytest.mark.parametrize("loss", [0.01, 0.1, 0.5])
def test_loss_is_counted_to_the_record(loss):
    with connected(BUSY) as (box, client):
        box.faults = BoxFaults(loss=loss)
        assert until(lambda: box.link.lost >= 8 and client.statistics.records > 300)
        assert until(lambda: client.statistics.loss == pytest.approx(loss, abs=0.5 * loss + 0.01))
        figures = settled(box, client)
        assert figures.lost == box.link.lost
        assert (figures.duplicates, figures.reordered, figures.restarts) == (0, 0, 0)
        assert figures.state is ClientState.STREAMING
        assert until(lambda: client.statistics.loss == 0.0)


def test_repeats_are_counted_to_the_record():
    with connected(BUSY) as (box, client):
        box.faults = BoxFaults(duplication=0.3)
        assert until(lambda: box.link.duplicated > 50)
        figures = settled(box, client)
        assert (figures.duplicates, figures.lost, figures.reordered) == (box.link.duplicated, 0, 0)


def test_overtaking_is_counted_and_time_goes_on():
    heard = []
    with connected(BUSY, listener=heard.append) as (box, client):
        box.faults = BoxFaults(reordering=0.3)
        assert until(lambda: box.link.overtaken > 50)
        figures = settled(box, client)
        assert (figures.reordered, figures.lost, figures.duplicates) == (box.link.overtaken, 0, 0)
    numbers = [sample.sequence for sample in heard]
    assert numbers == sorted(set(numbers))


def test_all_at_once_is_still_streaming():
    with connected(BUSY) as (box, client):
        box.faults = BoxFaults(loss=0.3, duplication=0.3, reordering=0.3)
        assert until(lambda: client.statistics.records >= 500)
        figures = settled(box, client)
        # A delayed packet arrives after a later one, even if a packet between them is lost.
        assert figures.lost == box.link.lost
        assert figures.reordered > 10
        assert figures.state is ClientState.STREAMING


def test_a_reading_beyond_the_range_is_an_error():
    held = [TRUTH]
    config = SimulatedBoxConfig(rdt_port=0, http_port=0, sensor=SENSOR, force_range_n=100.0)
    with SimulatedNetFt(config, lambda: held[0]) as box:
        there = NetFtConfig("127.0.0.1", box.rdt_port, box.http_port, **FAST)
        with NetFtClient(there) as client:
            assert until(lambda: client.latest() is not None)
            held[0] = Wrench(np.array((0.0, 0.0, -250.0)), np.zeros(3))
            assert until(lambda: client.latest().status.severity is Severity.ERROR)
            assert "saturation" in str(client.latest().status)
            np.testing.assert_allclose(client.latest().wrench.force, (0.0, 0.0, -100.0))
            assert client.statistics.status_errors > 0
            held[0] = TRUTH
            assert until(lambda: client.latest().status.severity is Severity.OK)


def test_an_axia_saturates_in_its_own_words():
    sensor = replace(SENSOR, product_name="Ethernet Axia", counts_per_force=1e8)
    with connected(sensor) as (_, client):  # 30 N are more counts than 32 bits hold
        assert until(lambda: client.latest().status.severity is Severity.ERROR)
        assert client.latest().status.conditions == ("force or torque out of range",)


def test_a_unit_changed_while_streaming_is_noticed():
    with connected(recheck_s=0.05) as (box, client):
        box.sensor = replace(box.sensor, force_unit="lbf")
        assert until(lambda: "force_unit: N -> lbf" in client.statistics.last_fault)
        assert "changed while it streamed" in client.statistics.last_fault
        assert until(lambda: client.configuration.force_unit == "lbf")
        assert until(lambda: state(client) is ClientState.STREAMING)
        np.testing.assert_allclose(client.latest().wrench.to_array(), TRUTH.to_array(), atol=1e-5)


def test_an_unknown_unit_is_a_fault_until_it_is_known():
    with connected(recheck_s=0.05) as (box, client):
        body = box.sensor.to_xml()
        box._answer = lambda path: body.replace(b"<scfgfu>N<", b"<scfgfu>stone<")
        assert until(lambda: state(client) is ClientState.FAULT)
        assert until(lambda: "got 'stone'" in client.statistics.reason)
        box._answer = lambda path: body
        assert until(lambda: state(client) is ClientState.STREAMING)


def test_a_silent_page_does_not_end_the_stream():
    with connected(recheck_s=0.02) as (box, client):
        asked = []
        box._answer = asked.append
        assert until(lambda: len(asked) >= 3)
        assert settled(box, client).state is ClientState.STREAMING
        assert client.statistics.connections == 1


def test_a_power_cut_is_stale_then_streams_again():
    with connected() as (box, client):
        assert until(lambda: client.statistics.records > 100)
        client.bias()
        assert until(lambda: not client.latest().wrench.to_array().any())
        box.restart()
        assert until(lambda: state(client) is ClientState.STALE)
        assert until(lambda: state(client) is ClientState.STREAMING)
        assert client.statistics.box_restarts == 1
        np.testing.assert_allclose(client.latest().wrench.to_array(), TRUTH.to_array(), atol=1e-5)


def test_a_stream_taken_by_another_is_taken_back():
    with connected() as (box, client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(bytes.fromhex("1234000200000000"), ("127.0.0.1", box.rdt_port))
        assert until(lambda: state(client) is ClientState.STALE)
        assert until(lambda: "another computer reads the stream" in client.statistics.last_fault)
        assert until(lambda: state(client) is ClientState.STREAMING)
        assert client.statistics.box_restarts == 0


def test_without_faults_a_link_carries_everything_once():
    link = FaultyLink(np.random.default_rng(0))
    assert [link.carry(bytes([i])) for i in range(3)] == [[b"\0"], [b"\1"], [b"\2"]]


def test_an_overtaken_packet_comes_after_the_next():
    link = FaultyLink(np.random.default_rng(0))
    link.faults = BoxFaults(reordering=1.0)
    assert [link.carry(b"a"), link.carry(b"b"), link.carry(b"c")] == [[], [b"b", b"a"], []]
    link.clear()
    link.faults = BoxFaults()
    assert link.carry(b"d") == [b"d"]


def test_another_sender_is_not_heard():
    with connected() as (box, client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        before = client.statistics.records
        other.bind(("127.0.0.1", 0))
        for _ in range(50):
            other.sendto(RECORDS[1][0], box.owner)
            other.sendto(b"x" * 35, box.owner)
        assert until(lambda: client.statistics.records > before + 50)
        figures = client.statistics
        assert (figures.malformed, figures.lost, figures.restarts) == (0, 0, 0)


def test_after_silence_the_stream_is_asked_for_again():
    with connected() as (box, client):
        box.faults = BoxFaults(silent=True)
        assert until(lambda: state(client) is ClientState.STALE, 1.0)
        assert "no record" in client.statistics.reason
        assert until(lambda: client.statistics.connections >= 2)
        box.faults = BoxFaults()
        assert until(lambda: state(client) is ClientState.STREAMING)
        assert client.statistics.stalls == 1


def test_ten_malformed_packets_are_a_fault():
    with connected() as (box, client):
        box.faults = BoxFaults(wrong_length=True)
        assert until(lambda: state(client) is ClientState.FAULT)
        assert "10 malformed packets in a row" in client.statistics.reason
        assert client.statistics.malformed >= 10
        box.faults = BoxFaults()
        assert until(lambda: state(client) is ClientState.STREAMING)


def test_an_error_status_is_passed_on():
    with connected() as (box, client):
        box.faults = BoxFaults(status=0x8002_0000)
        assert until(lambda: client.latest().status.severity is Severity.ERROR)
        assert "saturation" in str(client.latest().status)
