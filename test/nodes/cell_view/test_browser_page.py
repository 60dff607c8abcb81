"""The page of cell_view: what a browser of this host reads."""

import contextlib
import json
import math
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from isolation import block
from std_msgs.msg import Header
from waiting import until

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.nodes.cell_view.browser_page import HOST, CellPage
from der_ros.nodes.cell_view.node import CellView
from der_ros.nodes.shared.conversions import pose_to_message
from der_ros.nodes.shared.qos import LATCHED


def read(port, path="/"):
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10.0) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


@pytest.fixture
def page():
    with CellPage(0, "<p>hello</p>", lambda: {"phase": "running"}) as page:
        yield page


def test_the_page_and_its_numbers_are_served(page):
    assert read(page.port) == ("text/html; charset=utf-8", "<p>hello</p>")
    kind, text = read(page.port, "/state")
    assert (kind, json.loads(text)) == ("application/json", {"phase": "running"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read(page.port, "/../state")


def test_a_silent_client_keeps_no_other_waiting(page):
    with contextlib.closing(socket.create_connection((HOST, page.port))):
        assert read(page.port)[1] == "<p>hello</p>"


def test_a_port_in_use_is_named(page):
    with pytest.raises(ConfigurationError, match=f"page_port: .*got {page.port}"):
        CellPage(page.port, "", dict).start()


@pytest.mark.ros
def test_pose_and_force_are_in_task_axes():
    """The piece is turned by a quarter about z; a push along its x comes along the task's y."""
    port = block().free_port(socket.SOCK_STREAM, HOST)
    frames = {"task_frame": [1.0, 0.0, 0.5, 0.0, 0.0, 0.0, 1.0]}
    frames["tcp_from_sensor"] = [0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 1.0]
    quarter = quaternion_from_rotation_vector(np.array((0.0, 0.0, 0.5 * math.pi)))
    held = Pose(np.array((1.001, 0.0, 0.52)), quarter)
    with running(CellView, page_port=port, **frames) as (_, client):
        poses = client.create_publisher(PoseStamped, "kuka/tcp_pose", 10)
        wrenches = client.create_publisher(WrenchStamped, "netft_data", 10)
        operator = client.create_publisher(DiagnosticStatus, "teleop/status", LATCHED)
        operator.publish(DiagnosticStatus(message="hold the dead-man button"))

        def state():
            header = Header(stamp=client.get_clock().now().to_msg())
            poses.publish(pose_to_message(held, "base_link", header.stamp))
            wrench = WrenchStamped(header=header)
            wrench.wrench.force.x = 7.0
            wrenches.publish(wrench)
            return json.loads(read(port, "/state")[1])

        assert state()["soft_force_n"] is None
        assert until(lambda: state()["force_n"] and state()["position_mm"] and state()["operator"])
        found = state()
    assert found["position_mm"] == pytest.approx([1.0, 0.0, 20.0], abs=1e-6)
    assert found["force_n"] == pytest.approx([0.0, 7.0, 0.0], abs=1e-9)
    assert found["operator"] == "hold the dead-man button"
