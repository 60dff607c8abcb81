"""The Net F/T client against the simulated box over real sockets, with faults."""

import contextlib
import socket
from dataclasses import replace

import numpy as np
import pytest
from netft_tables import RECORDS, until

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.records import ClientState, NetFtConfig
from der_ros.drivers.netft.simulated_box import BoxFaults, SimulatedBoxConfig, SimulatedNetFt
from der_ros.drivers.netft.status import Severity
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Wrench

TRUTH = Wrench(np.array((1.0, -2.0, 30.0)), np.array((0.1, 0.2, -0.3)))
SENSOR = SensorConfiguration(rdt_rate_hz=500, rdt_buffer_size=10, product_name="NETB")
FAST = {"backoff_s": 0.05, "max_backoff_s": 0.2, "give_up_after_s": 0.4, "http_timeout_s": 1.0}


def a_box(sensor=SENSOR, rdt_port=0, http_port=0):
    config = SimulatedBoxConfig(rdt_port=rdt_port, http_port=http_port, sensor=sensor)
    return SimulatedNetFt(config, lambda: TRUTH)


@contextlib.contextmanager
def connected(sensor=SENSOR, listener=None, **options):
    with a_box(sensor) as box:
        config = NetFtConfig("127.0.0.1", box.rdt_port, box.http_port, **{**FAST, **options})
        with NetFtClient(config, listener) as client:
            assert until(lambda: client.latest() is not None), client.statistics
            yield box, client


def state(client):
    return client.statistics.state


def test_newtons_come_out_in_any_unit():
    with connected(replace(SENSOR, force_unit="lbf", torque_unit="kg-cm")) as (_, client):
        np.testing.assert_allclose(client.latest().wrench.to_array(), TRUTH.to_array(), atol=2e-5)
        assert client.latest().status.severity is Severity.OK
        assert client.statistics.age_s < 1.0


@pytest.mark.parametrize("buffered", [False, True])
def test_nothing_is_lost_and_each_drain_is_heard(buffered):
    heard = []
    with connected(listener=heard.append, buffered=buffered) as (_, client):
        assert until(lambda: client.statistics.records >= 400)
        figures = client.statistics
    assert (figures.lost, figures.duplicates, figures.malformed) == (0, 0, 0)
    assert [sample.sequence for sample in heard] == sorted({s.sequence for s in heard})
    if buffered:
        assert len(heard) <= figures.records / 10 + 1


def test_loss_repeats_and_overtaking_are_counted():
    with connected() as (box, client):
        box.faults = BoxFaults(loss=0.3, duplication=0.3, reordering=0.3)
        assert until(lambda: client.statistics.records >= 500)
        figures = client.statistics
        assert figures.lost > 30
        assert figures.duplicates > 30
        assert figures.reordered > 10
        assert figures.state is ClientState.STREAMING


def test_silence_is_stale_then_the_stream_is_asked_for_again():
    with connected() as (box, client):
        box.faults = BoxFaults(silent=True)
        assert until(lambda: state(client) is ClientState.STALE, 1.0)
        assert "no record" in client.statistics.reason
        assert until(lambda: client.statistics.connections >= 2)
        box.faults = BoxFaults()
        assert until(lambda: state(client) is ClientState.STREAMING)
        assert client.statistics.stalls == 1


def test_malformed_packets_fault_after_ten_in_a_row_and_recover():
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


def test_a_latched_monitor_is_a_warning_that_can_be_reset():
    with connected() as (box, client):
        box.latch()
        assert until(lambda: client.latest().status.severity is Severity.WARNING)
        client.reset_latch()
        assert until(lambda: client.latest().status.severity is Severity.OK)


def test_bias_in_the_box():
    with connected() as (_, client):
        client.bias()
        assert until(lambda: not client.latest().wrench.to_array().any())


def test_the_rate_is_asked_for_and_seen():
    with connected(rate_hz=100) as (box, client):
        assert box.sensor.rdt_rate_hz == 100
        assert client.configuration.rdt_rate_hz == 100
        assert until(lambda: client.statistics.records > 100)
        assert client.statistics.rate_hz == pytest.approx(100, rel=0.4)


def test_a_box_that_comes_later_and_comes_back():
    with a_box() as first:
        ports = first.rdt_port, first.http_port
    config = NetFtConfig("127.0.0.1", *ports, **FAST)
    with NetFtClient(config) as client:
        assert until(lambda: "sensor_ip" in client.statistics.reason)
        with a_box(rdt_port=ports[0], http_port=ports[1]):
            assert until(lambda: state(client) is ClientState.STREAMING)
        # Its port refuses now: that must end neither the thread nor the program.
        assert until(lambda: state(client) is ClientState.CONNECTING)
        with a_box(rdt_port=ports[0], http_port=ports[1]):
            assert until(lambda: state(client) is ClientState.STREAMING)


def test_a_refused_port_is_survived_and_named():
    with a_box() as box:
        http_port = box.http_port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            closed = probe.getsockname()[1]
        with NetFtClient(NetFtConfig("127.0.0.1", closed, http_port, **FAST)) as client:
            assert until(lambda: f"127.0.0.1:{closed}" in client.statistics.reason)
            assert until(lambda: client.statistics.connections >= 2)


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


def test_rdt_switched_off_is_said():
    with a_box(replace(SENSOR, rdt_enabled=False)) as box:
        config = NetFtConfig("127.0.0.1", box.rdt_port, box.http_port, **FAST)
        with NetFtClient(config) as client:
            assert until(lambda: "RDT to be enabled" in client.statistics.reason)
            assert state(client) is ClientState.FAULT


def test_bias_without_a_stream_is_an_error():
    with pytest.raises(ConnectionFailedError, match="netft_ready"):
        NetFtClient(NetFtConfig()).bias()


def test_the_stream_is_stopped_at_the_end():
    with connected() as (box, client):
        assert box.owner is not None
        client.__exit__(None, None, None)
        assert until(lambda: box.owner is None)


def test_a_listener_that_fails_does_not_end_the_stream(caplog):
    def fail(_sample):
        raise RuntimeError("listener")

    with connected(listener=fail) as (_, client):
        assert until(lambda: client.statistics.records > 20)
    assert "the listener failed" in caplog.text


def test_a_port_in_use_is_named():
    with a_box() as box, pytest.raises(ConnectionFailedError, match=str(box.rdt_port)):
        a_box(rdt_port=box.rdt_port).__enter__()


@pytest.mark.parametrize(
    "options",
    [{"rdt_port": 0}, {"rate_hz": 7001}, {"stale_after_s": 0.0}, {"backoff_s": 9.0}],
)
def test_configuration_is_checked(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        NetFtConfig(**options)
