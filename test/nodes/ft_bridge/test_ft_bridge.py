"""The node ft_bridge with a simulated Net F/T box on real sockets."""

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
from bridge_rig import process, running
from diagnostic_msgs.msg import DiagnosticArray
from ft_rig import TRUTH, bench, figures, newest, ready, said
from std_msgs.msg import Bool
from waiting import until

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import request_filter
from der_ros.drivers.netft.faulty_link import BoxFaults
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.shared.qos import LATCHED


@pytest.mark.ros
def test_wrenches_are_published_with_their_frame():
    with bench() as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 50)
        assert ready(client)
        np.testing.assert_allclose(newest(client), TRUTH, atol=1e-5)
        assert client.last["netft_data"].header.frame_id == "ft_sensor"
        assert until(lambda: figures(client).get("state") == "streaming")
        assert figures(client)["lost"] == "0"


@pytest.mark.ros
def test_signs_and_frame_are_parameters():
    signs = [-1.0, 1.0, 1.0, -1.0, 1.0, 1.0]
    with bench(axis_signs=signs, frame_id="wrist") as (_, client):
        assert until(lambda: "netft_data" in client.last)
        np.testing.assert_allclose(newest(client), TRUTH * signs, atol=1e-5)
        assert client.last["netft_data"].header.frame_id == "wrist"


@pytest.mark.ros
@pytest.mark.parametrize("in_box", [False, True])
def test_bias_makes_the_reading_zero(in_box):
    with bench(bias_in_box=in_box) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        answer = client.trigger("ft_bridge/bias")
        assert answer.success, answer.message
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)


@pytest.mark.ros
def test_a_slower_filter_of_the_box_is_reported():
    with bench(min_box_filter_hz=18.0, recheck_s=0.1) as (box, client):
        request_filter("127.0.0.1", box.http_port, 5)  # 35 Hz
        assert until(lambda: figures(client).get("box_filter_cutoff") == "35 Hz")
        assert until(lambda: ready(client))
        request_filter("127.0.0.1", box.http_port, 7)
        assert until(lambda: "at 8 Hz, expected at least 18 Hz or off" in said(client))
        assert until(lambda: not ready(client))
        request_filter("127.0.0.1", box.http_port, 0)
        assert until(lambda: ready(client) and figures(client)["box_filter_cutoff"] == "off")


@pytest.mark.ros
def test_a_changed_filter_of_the_box_is_a_warning():
    with bench(box_filter=5, recheck_s=0.1) as (box, client):
        assert until(lambda: figures(client).get("box_filter_cutoff") == "35 Hz")
        assert until(lambda: said(client) == "reading")
        request_filter("127.0.0.1", box.http_port, 8)
        assert until(lambda: "is number 8 (5 Hz), expected 5 (35 Hz)" in said(client))
        assert ready(client)


@pytest.mark.ros
def test_a_box_that_takes_no_bias_is_reported(monkeypatch):
    with bench(bias_in_box=True) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        monkeypatch.setattr(NetFtClient, "bias", lambda _: None)  # as if the command were lost
        answer = client.trigger("ft_bridge/bias")
        assert not answer.success
        assert "its readings are as before" in answer.message
        assert figures(client)["biased"] == "False"


@pytest.mark.ros
def test_a_late_bias_of_the_box_is_waited_for(monkeypatch):
    """Readings between the command and the box's zero must not become the reference."""
    real, late = NetFtClient.bias, []

    def bias(client):
        if late:
            return real(client)
        late.append(threading.Timer(0.2, real, (client,)))
        return late[0].start()

    monkeypatch.setattr(NetFtClient, "bias", bias)
    with bench(bias_in_box=True) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        for _ in range(3):  # the 30 N from before the bias would count as contact
            answer = client.trigger("ft_bridge/bias")
            assert answer.success, answer.message
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)


@pytest.mark.ros
def test_silence_is_not_ready_and_comes_back():
    with bench() as (box, client):
        assert until(lambda: ready(client))
        box.faults = BoxFaults(silent=True)
        assert until(lambda: not ready(client), 2.0)
        assert not client.trigger("ft_bridge/bias").success
        box.faults = BoxFaults()
        assert until(lambda: ready(client))


@pytest.mark.ros
def test_readings_with_an_error_are_not_published():
    with bench() as (box, client):
        assert until(lambda: ready(client))
        box.faults = BoxFaults(status=0x8002_0000)
        assert until(lambda: not ready(client), 2.0)
        before = client.count["netft_data"]
        assert until(lambda: "saturation" in figures(client).get("status", ""), 5.0)
        assert client.count["netft_data"] <= before + 1
        box.faults = BoxFaults()
        assert until(lambda: ready(client))


@pytest.mark.ros
def test_without_a_sensor_it_goes_on_trying():
    nowhere = {"sensor_ip": "127.0.0.1", "rdt_port": 1, "http_port": 1}
    with running(FtBridge, **nowhere) as (_, client):
        client.listen(Bool, "netft_ready", LATCHED)
        client.listen(DiagnosticArray, "/diagnostics")
        assert until(lambda: "netft_ready" in client.last)
        assert not client.last["netft_ready"].data
        assert until(lambda: "sensor_ip" in figures(client).get("reason", ""))


@pytest.mark.ros
def test_a_unit_that_changes_is_an_error_for_a_while():
    with bench(recheck_s=0.2) as (box, client):
        assert until(lambda: ready(client))
        box.sensor = replace(box.sensor, force_unit="lbf")
        assert until(lambda: "force_unit: N -> lbf" in figures(client).get("last_fault", ""))
        assert until(lambda: figures(client).get("state") == "streaming" and ready(client))
        assert until(lambda: np.allclose(newest(client), TRUTH, atol=1e-5))


@pytest.mark.ros
def test_a_scale_that_is_not_confirmed_is_not_ready():
    quick = {"recheck_s": 0.1, "recheck_periods": 2, "http_timeout_s": 0.5}
    with bench(**quick) as (box, client):
        assert until(lambda: ready(client))
        box._answer = lambda path: None
        assert until(lambda: not ready(client))
        assert until(lambda: "last confirmed" in said(client))
        del box._answer
        assert until(lambda: ready(client) and said(client) == "reading")


@pytest.mark.ros
def test_a_silent_sensor_exceeds_no_limit():
    with bench(max_force_n=10.0) as (box, client):
        assert until(lambda: figures(client).get("limits_exceeded") == "True")
        box.faults = BoxFaults(silent=True)
        assert until(lambda: not ready(client))
        assert until(lambda: figures(client).get("limits_exceeded") == "False")


@pytest.mark.ros
def test_heavy_loss_is_a_warning_with_its_figure():
    with bench() as (box, client):
        assert until(lambda: ready(client))
        box.faults = BoxFaults(loss=0.5)
        assert until(lambda: "% of the records were lost" in said(client))
        assert ready(client)
        box.faults = BoxFaults()
        assert until(lambda: said(client) == "reading")


@pytest.mark.ros
def test_a_bias_that_a_restarted_box_lost_is_said():
    with bench(bias_in_box=True) as (box, client):
        assert until(lambda: ready(client))
        assert client.trigger("ft_bridge/bias").success
        assert until(lambda: np.abs(newest(client)).max() < 1e-5)
        box.restart()
        assert until(lambda: "lost its bias" in said(client))
        np.testing.assert_allclose(newest(client), TRUTH, atol=1e-5)
        assert client.trigger("ft_bridge/bias").success
        assert until(lambda: said(client) == "reading")


@pytest.mark.ros
def test_a_filter_takes_the_boxs_own_rate():
    with bench(filter_cutoff_hz=20.0, buffered=True) as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 50)
        np.testing.assert_allclose(newest(client), TRUTH, atol=1e-5)


@pytest.mark.ros
def test_a_filter_beyond_the_boxs_rate_is_an_error():
    with bench(filter_cutoff_hz=100.0) as (_, client):
        assert until(lambda: "at most 0.45 of the sample rate of 200 Hz" in said(client))
        assert not ready(client)
        assert "netft_data" not in client.last


@pytest.mark.ros
@pytest.mark.parametrize("cutoff_hz", [0.0, 20.0])
def test_a_rate_other_than_assumed_is_reported(cutoff_hz):
    """A filter designed for 60 Hz passes three times its cut-off at 200 Hz."""
    scale = {"counts_per_force": 1e6, "counts_per_torque": 1e6, "sample_rate_hz": 60}
    with bench(**scale, filter_cutoff_hz=cutoff_hz) as (_, client):
        assert until(lambda: "readings a second" in said(client))
        assert "expected 60 " in said(client)
        assert until(lambda: ready(client) is (cutoff_hz == 0.0))


@pytest.mark.ros
def test_a_scale_from_parameters_needs_no_page():
    scale = {"counts_per_force": 1e6, "counts_per_torque": 1e6, "force_unit": "kN"}
    with bench(**scale) as (_, client):
        assert until(lambda: "netft_data" in client.last)
        np.testing.assert_allclose(newest(client)[:3], 1000.0 * TRUTH[:3], atol=1e-2)


@pytest.mark.ros
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"axis_signs": [0.0] * 6}, "axis_signs"),
        ({"source": "magic"}, "source"),
        ({"publish_rate_hz": 0.0}, "publish_rate_hz"),
        ({"bias_in_box": True, "payload_mass_kg": 1.0}, "bias_in_box"),
        ({"counts_per_force": 1e6, "counts_per_torque": 1e6, "force_unit": "stone"}, "stone"),
        ({"filter_order": 3}, "filter_order"),
        ({"counts_per_force": 1e6, "counts_per_torque": 1e6, "rdt_rate_hz": 500}, "rdt_rate_hz"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_exit_1(parameters, expected):
    with process("ft_bridge", **parameters) as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 1
    assert expected in output
    assert "Traceback" not in output


@pytest.mark.ros
def test_without_a_sensor_it_ends_on_sigint():
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
