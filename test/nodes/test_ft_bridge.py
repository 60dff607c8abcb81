"""The node ft_bridge with a simulated Net F/T box on real sockets."""

import contextlib
import signal

import numpy as np
import pytest
from bridge_rig import process, running, until
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from std_msgs.msg import Bool

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.faulty_link import BoxFaults
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.errors import ConnectionFailedError
from der_ros.geometry import Wrench
from der_ros.nodes.common import LATCHED
from der_ros.nodes.ft_bridge import FtBridge, WrenchPath

TRUTH = np.array((1.0, -2.0, 30.0, 0.1, 0.2, -0.3))


def numbers(message):
    f, t = message.wrench.force, message.wrench.torque
    return np.array((f.x, f.y, f.z, t.x, t.y, t.z))


@contextlib.contextmanager
def bench(monkeypatch, **parameters):
    sensor = SensorConfiguration(rdt_rate_hz=200)
    config = SimulatedBoxConfig(rdt_port=0, http_port=0, sensor=sensor)
    with SimulatedNetFt(config, lambda: Wrench.from_array(TRUTH)) as box:
        there = {
            "sensor_ip": "127.0.0.1", "rdt_port": box.rdt_port, "http_port": box.http_port
        }  # fmt: skip
        with running(FtBridge, monkeypatch, **there, **parameters) as (_, client):
            client.listen(WrenchStamped, "netft_data", 100)
            client.listen(Bool, "netft_ready", LATCHED)
            client.listen(DiagnosticArray, "/diagnostics")
            yield box, client


def ready(client):
    message = client.last.get("netft_ready")
    return message is not None and message.data


def newest(client):
    return numbers(client.last["netft_data"])


def figures(client):
    message = client.last.get("/diagnostics")
    return {} if message is None else {v.key: v.value for v in message.status[0].values}


@pytest.mark.ros
def test_wrenches_are_published_with_their_frame(monkeypatch):
    with bench(monkeypatch) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 50)
        assert ready(client)
        np.testing.assert_allclose(newest(client), TRUTH, atol=1e-5)
        assert client.last["netft_data"].header.frame_id == "ft_sensor"
        assert until(lambda: figures(client).get("state") == "streaming")
        assert figures(client)["lost"] == "0"


@pytest.mark.ros
def test_signs_and_frame_are_parameters(monkeypatch):
    signs = [-1.0, 1.0, 1.0, -1.0, 1.0, 1.0]
    with bench(monkeypatch, axis_signs=signs, frame_id="wrist") as (_, client):
        assert until(lambda: "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), TRUTH * signs, atol=1e-5)
        assert client.last["netft_data"].header.frame_id == "wrist"


@pytest.mark.ros
@pytest.mark.parametrize("in_box", [False, True])
def test_bias_makes_the_reading_zero(monkeypatch, in_box):
    with bench(monkeypatch, bias_in_box=in_box) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        answer = client.trigger("ft_bridge/bias")
        assert answer.success, answer.message
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)


@pytest.mark.ros
def test_silence_is_not_ready_and_comes_back(monkeypatch):
    with bench(monkeypatch) as (box, client):
        assert until(lambda: ready(client))
        box.faults = BoxFaults(silent=True)
        assert until(lambda: not ready(client), 2.0)
        assert not client.trigger("ft_bridge/bias").success
        box.faults = BoxFaults()
        assert until(lambda: ready(client))


@pytest.mark.ros
def test_readings_with_an_error_status_are_not_published(monkeypatch):
    with bench(monkeypatch) as (box, client):
        assert until(lambda: ready(client))
        box.faults = BoxFaults(status=0x8002_0000)
        assert until(lambda: not ready(client), 2.0)
        before = client.count["netft_data"]
        assert until(lambda: "saturation" in figures(client).get("status", ""), 5.0)
        assert client.count["netft_data"] <= before + 1
        box.faults = BoxFaults()
        assert until(lambda: ready(client))


@pytest.mark.ros
def test_without_a_sensor_it_is_not_ready_and_goes_on_trying(monkeypatch):
    nowhere = {"sensor_ip": "127.0.0.1", "rdt_port": 1, "http_port": 1}
    with running(FtBridge, monkeypatch, **nowhere) as (_, client):
        client.listen(Bool, "netft_ready", LATCHED)
        client.listen(DiagnosticArray, "/diagnostics")
        assert until(lambda: "netft_ready" in client.last)
        assert not client.last["netft_ready"].data
        assert until(lambda: "sensor_ip" in figures(client).get("reason", ""))


@pytest.mark.ros
def test_wrenches_of_another_driver(monkeypatch):
    parameters = {"source": "topic", "input_topic": "other/wrench"}
    with running(FtBridge, monkeypatch, **parameters) as (_, client):
        client.listen(WrenchStamped, "netft_data", 100)
        client.listen(Bool, "netft_ready", LATCHED)
        publisher = client.create_publisher(WrenchStamped, "other/wrench", 10)
        message = WrenchStamped()
        message.wrench.force.z = 5.0
        timer = client.create_timer(0.01, lambda: publisher.publish(message))
        assert until(lambda: ready(client) and "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), (0, 0, 5, 0, 0, 0))
        timer.cancel()
        assert until(lambda: not ready(client), 2.0)


@pytest.mark.ros
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"axis_signs": [0.0] * 6}, "axis_signs"),
        ({"source": "magic"}, "source"),
        ({"publish_rate_hz": 0.0}, "publish_rate_hz"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_exit_1(parameters, expected):
    with process("ft_bridge", **parameters) as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert expected in output
    assert "Traceback" not in output


@pytest.mark.ros
def test_it_says_that_no_sensor_is_there_and_ends_on_sigint():
    nowhere = {"sensor_ip": "127.0.0.1", "rdt_port": 1, "http_port": 1}
    with process("ft_bridge", **nowhere) as child:
        line = ""
        while "check sensor_ip" not in line:
            line = child.stdout.readline()
            assert line, "the node ended"
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=20)
        assert child.returncode == 0
        assert "Traceback" not in rest


def feed(path, count, rate_hz, start_s=0.0):
    wrench = Wrench.from_array(TRUTH)
    return [path.take(wrench, start_s + i / rate_hz) for i in range(count)]


@pytest.mark.parametrize(
    ("source_hz", "expected"), [(1000.0, 250), (250.0, 1000), (100.0, 1000), (300.0, 900)]
)
def test_the_rate_is_thinned_out_and_never_raised(source_hz, expected):
    out = feed(WrenchPath(np.ones(6), 250.0, 10), 1000, source_hz)
    # 300 Hz cannot be thinned evenly to 250: between every other and all of them.
    low = 500 if source_hz == 300.0 else expected
    assert low - 2 <= sum(wrench is not None for wrench in out) <= max(expected, low) + 2


def test_readings_that_are_not_finite_are_dropped_and_counted():
    path = WrenchPath(np.ones(6), 250.0, 10)
    assert path.take(Wrench(np.array((np.nan, 0, 0)), np.zeros(3)), 0.0) is None
    assert path.not_finite == 1
    with pytest.raises(ConnectionFailedError, match="fresh readings"):
        path.bias(0.0, 0.1)


def test_bias_is_the_mean_of_the_latest_readings():
    path = WrenchPath(np.ones(6), 250.0, 4)
    for i, fz in enumerate((100.0, 1.0, 2.0, 3.0, 4.0)):
        path.take(Wrench(np.array((0.0, 0.0, fz)), np.zeros(3)), i * 0.004)
    bias, count = path.bias(0.02, 0.1)
    assert count == 4
    np.testing.assert_allclose(bias, (0, 0, 2.5, 0, 0, 0))
    with pytest.raises(ConnectionFailedError):
        path.bias(1.0, 0.1)
