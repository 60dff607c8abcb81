"""Topic with the RDT records of a box, for a replay through the driver."""

from __future__ import annotations

from array import array
from collections import deque

from std_msgs.msg import String, UInt8MultiArray

from der_ros.control.wire.wire_record import SENSOR_SETUP, SENSOR_WIRE, SensorSetup, SensorWire
from der_ros.drivers.netft.conditioning import ConditionedWrench, WrenchConditioner
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import WrenchSample
from der_ros.drivers.netft.rdt import RdtRecord
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.qos import LATCHED, RELIABLE_READINGS

_MOST_RECORDS = 1000


class SensorWireTopic:
    """Publisher of the records that led to each published wrench.

    Args:
        node: Publishing node.
        path: Conditioning of the readings.
    """

    def __init__(self, node: ShellNode, path: WrenchConditioner) -> None:
        self._path = path
        self._records: deque[tuple[float, RdtRecord]] = deque(maxlen=_MOST_RECORDS)
        self._published: object = None
        self._wire = node.create_publisher(UInt8MultiArray, SENSOR_WIRE, RELIABLE_READINGS)
        self._setups = node.create_publisher(String, SENSOR_SETUP, LATCHED)

    def add(self, sample: WrenchSample) -> None:
        """Keep the record of a sample; without a filter only the newest counts."""
        if not self._path.filters:
            self._records.clear()
        self._records.append((sample.stamp_monotonic_s, sample.record))

    def publish(self, stamp_ns: int, taken: ConditionedWrench, box: SensorConfiguration) -> None:
        """Publish the records of a wrench, and before them the setup if it is another.

        Args:
            stamp_ns: Stamp of the wrench, ns since the epoch.
            taken: Conditioned reading.
            box: Configuration of the box.
        """
        now = box, self._path.settings
        if now != self._published:
            self._published = now
            self._setups.publish(String(data=SensorSetup(box, self._path.config).to_text()))
        wire = SensorWire(stamp_ns, taken.bias, taken.world_from_sensor, tuple(self._records))
        self._records.clear()
        self._wire.publish(UInt8MultiArray(data=array("B", wire.to_bytes())))
