"""A Net F/T client that is connected to a simulated box, for the tests of both."""

import contextlib

import numpy as np
from waiting import until

from der_ros.drivers.netft.client import NetFtClient
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
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
