"""``netft_wire``: the records of the box give the published wrench."""

import pytest
from bridge_rig import until
from ft_rig import bench, numbers
from geometry_msgs.msg import WrenchStamped
from std_msgs.msg import String, UInt8MultiArray

from der_ros.control.stamps import stamp_ns
from der_ros.control.wire.wire_record import SensorReplay, SensorSetup, SensorWire
from der_ros.nodes.shared.qos import LATCHED

pytestmark = pytest.mark.ros


def keep(client, kind, topic):
    kept = []
    client.create_subscription(kind, topic, kept.append, 500)
    return kept


def pairs(wires, wrenches):
    """Return the records and the wrenches that have the same stamp, in order."""
    published = {stamp_ns(each.header.stamp): numbers(each).tolist() for each in wrenches}
    records = [SensorWire.from_bytes(bytes(each.data)) for each in wires]
    return [(wire, published[wire.stamp_ns]) for wire in records if wire.stamp_ns in published]


@pytest.mark.parametrize(
    ("filtered", "least"), [({}, 60), ({"filter_cutoff_hz": 20.0, "publish_rate_hz": 50.0}, 20)]
)
def test_the_records_give_the_published_wrench(filtered, least):
    signs = [-1.0, 1.0, 1.0, 1.0, 1.0, -1.0]
    with bench(publish_wire=True, axis_signs=signs, **filtered) as (_, client):
        client.listen(String, "netft_wire_setup", LATCHED)
        wires = keep(client, UInt8MultiArray, "netft_wire")
        wrenches = keep(client, WrenchStamped, "netft_data")
        assert until(lambda: len(wrenches) > 5)
        assert client.trigger("ft_bridge/bias").success
        assert until(lambda: len(wrenches) > 5 + least + (50 if filtered else 0), 20.0)
        setup = SensorSetup.from_text(client.last["netft_wire_setup"].data)
        found = pairs(list(wires), list(wrenches))
    path = SensorReplay(setup)
    rebuilt = [(path.wrench(wire), list(published)) for wire, published in found]
    compared = [(list(wrench), told) for wrench, told in rebuilt if wrench is not None]
    assert len(compared) >= least
    tolerance = 1e-9 if filtered else 0.0  # the filter began before the first kept record
    for wrench, told in compared:
        assert wrench == pytest.approx(told, abs=tolerance, rel=0.0)
    if filtered:
        assert max(len(wire.records) for wire, _ in found) > 1


def test_it_is_off_by_default():
    with bench() as (_, client):
        assert until(lambda: client.count.get("netft_data", 0) > 20)
        assert client.count_publishers("netft_wire") == 0
