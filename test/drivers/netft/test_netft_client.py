"""The Net F/T client against the simulated box over real sockets; faults: test_netft_faults."""

import socket
from dataclasses import replace

import numpy as np
import pytest
from netft_rig import FAST, SENSOR, TRUTH, a_box, connected, state
from waiting import until

from der_ros.drivers.netft.backoff import Backoff
from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import ClientState, NetFtConfig
from der_ros.drivers.netft.rdt import Command, Request, Severity, decode_record, encode_request
from der_ros.errors import ConfigurationError, ConnectionFailedError


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


def test_a_latched_monitor_warns_and_can_be_reset():
    with connected() as (box, client):
        box.latch()
        assert until(lambda: client.latest().status.severity is Severity.WARNING)
        client.reset_latch()
        assert until(lambda: client.latest().status.severity is Severity.OK)


def test_bias_in_the_box():
    with connected() as (_, client):
        client.bias()
        assert until(lambda: not client.latest().wrench.to_array().any())


@pytest.mark.alone
def test_the_rate_is_asked_for_and_seen():
    with connected(rate_hz=100) as (box, client):
        assert box.sensor.rdt_rate_hz == 100
        assert client.configuration.rdt_rate_hz == 100
        assert until(lambda: client.statistics.records > 100)
        assert client.statistics.rate_hz == pytest.approx(100, rel=0.4)


def test_the_boxs_filter_is_asked_for_and_read_back():
    with connected(user_filter=5) as (box, client):
        assert (box.sensor.user_filter, client.configuration.user_filter) == (5, 5)


def test_a_setting_that_the_box_does_not_take_is_said(caplog):
    with a_box() as box:
        box._answer = lambda path: SENSOR.to_xml()
        config = NetFtConfig("127.0.0.1", box.rdt_port, box.http_port, rate_hz=123, **FAST)
        with NetFtClient(config) as client:
            assert until(lambda: client.latest() is not None)
    assert "asked for 123 Hz, it has 500" in caplog.text


def test_a_scale_that_is_configured_asks_nobody():
    scale = SensorConfiguration(1e6, 1e6, "N", "Nm")
    with a_box() as box:
        config = NetFtConfig("127.0.0.1", box.rdt_port, 1, configuration=scale, **FAST)
        with NetFtClient(config) as client:
            assert until(lambda: client.latest() is not None)
            np.testing.assert_allclose(client.latest().wrench.to_array(), TRUTH.to_array())


def test_each_record_is_heard_in_its_turn():
    heard = []
    options = {"buffered": True, "every_record": True}
    with connected(listener=heard.append, **options) as (_, client):
        assert until(lambda: client.statistics.records >= 200)
    numbers = [sample.sequence for sample in heard]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 200


def test_each_record_can_be_wanted_later():
    heard = []
    with connected(listener=heard.append, buffered=True) as (_, client):
        assert until(lambda: client.statistics.records >= 50)
        client.want_every_record(True)
        assert until(lambda: len(heard) > 100)
    numbers = [sample.sequence for sample in heard][-50:]
    assert numbers == list(range(numbers[0], numbers[0] + 50))


def test_a_box_that_comes_later_and_comes_back():
    with a_box() as first:
        ports = first.rdt_port, first.http_port
    config = NetFtConfig("127.0.0.1", *ports, **FAST)
    with NetFtClient(config) as client:
        assert until(lambda: "sensor_ip" in client.statistics.reason)
        with a_box(rdt_port=ports[0], http_port=ports[1]):
            assert until(lambda: state(client) is ClientState.STREAMING)
        # The box's port refuses now; this must end neither the thread nor the program.
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
        client.stop()
        assert until(lambda: box.owner is None)


def test_a_listener_that_fails_does_not_end_the_stream(caplog):
    def fail(_sample):
        raise RuntimeError("listener")

    with connected(listener=fail) as (_, client):
        assert until(lambda: client.statistics.records > 20)
    assert "the listener failed" in caplog.text


def test_a_port_in_use_is_named():
    with a_box() as box, pytest.raises(ConnectionFailedError, match=str(box.rdt_port)):
        a_box(rdt_port=box.rdt_port).start()


@pytest.mark.parametrize(
    "options",
    [
        {"rdt_port": 0},
        {"rate_hz": 7001},
        {"stale_after_s": 0.0},
        {"backoff_s": 9.0},
        {"rest_s": -1.0},
        {"recheck_s": float("nan")},
    ],
)
def test_configuration_is_checked(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        NetFtConfig(**options)


def test_a_number_out_of_range_names_its_parameter():
    with pytest.raises(ConfigurationError, match="box_filter"):
        NetFtConfig(user_filter=13)


@pytest.mark.parametrize(("rate_hz", "step"), [(7000, 1), (1000, 7), (500, 14)])
def test_the_boxs_own_counter_grows_evenly(rate_hz, step):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with a_box(replace(SENSOR, rdt_rate_hz=rate_hz)) as box, udp as peer:
        peer.settimeout(2.0)
        start = encode_request(Request(Command.START_REALTIME, 200))
        peer.sendto(start, ("127.0.0.1", box.rdt_port))
        records = [decode_record(peer.recv(64)) for _ in range(200)]
    counted = [record.ft_sequence for record in records]
    assert counted == list(range(counted[0], counted[0] + 200 * step, step))
    assert [record.rdt_sequence for record in records] == list(range(1, 201))


def test_pauses_double_up_to_the_longest():
    config = NetFtConfig()
    backoff = Backoff(config.backoff_s, config.max_backoff_s)
    assert [backoff.pause_s() for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.pause_s() == 0.25
