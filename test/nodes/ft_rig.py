"""ft_bridge with a simulated Net F/T box on real sockets."""

import contextlib

import numpy as np
from bridge_rig import running
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from std_msgs.msg import Bool

from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Wrench
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.shared.qos import LATCHED

TRUTH = np.array((1.0, -2.0, 30.0, 0.1, 0.2, -0.3))


def numbers(message):
    f, t = message.wrench.force, message.wrench.torque
    return np.array((f.x, f.y, f.z, t.x, t.y, t.z))


@contextlib.contextmanager
def bench(**parameters):
    sensor = SensorConfiguration(rdt_rate_hz=200)
    config = SimulatedBoxConfig(rdt_port=0, http_port=0, sensor=sensor)
    with SimulatedNetFt(config, lambda: Wrench.from_array(TRUTH)) as box:
        there = {"sensor_ip": "127.0.0.1", "rdt_port": box.rdt_port, "http_port": box.http_port}
        with running(FtBridge, **there, **parameters) as (_, client):
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


def said(client):
    message = client.last.get("/diagnostics")
    return "" if message is None else message.status[0].message
