"""Bags that rosbags and mcap can read, and that appear only when complete."""

import contextlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Chunk, DataEnd, Footer, Message
from mcap.stream_reader import StreamReader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import StoragePlugin, Writer
from ruamel.yaml import YAML

from der_ros.bags import metadata, recorder
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.errors import BagError

WRENCH = RecordedTopic("/netft_data", "geometry_msgs/msg/WrenchStamped")
INFO = RecordedTopic("/policy/info", "std_msgs/msg/String", latched=True)
SILENT = RecordedTopic("/policy/action", "std_msgs/msg/Float32MultiArray")


def cdr(message_type, **fields):
    types = typestore()
    return bytes(types.serialize_cdr(types.types[message_type](**fields), message_type))


def text(data):
    return cdr("std_msgs/msg/String", data=data)


def wrench(fz):
    types = typestore().types
    time = types["builtin_interfaces/msg/Time"](sec=1, nanosec=2)
    zero = types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=0.0)
    force = types["geometry_msgs/msg/Vector3"](x=0.0, y=0.0, z=fz)
    return cdr(
        "geometry_msgs/msg/WrenchStamped",
        header=types["std_msgs/msg/Header"](stamp=time, frame_id="ft_sensor"),
        wrench=types["geometry_msgs/msg/Wrench"](force=force, torque=zero),
    )


@pytest.fixture
def bag(tmp_path):
    path = tmp_path / "bags" / "attempt_0001"
    with BagWriter(path, [WRENCH, INFO, SILENT]) as writer:
        writer.write("/policy/info", text("{}"), 5)
        for i in range(3):
            writer.write("/netft_data", wrench(float(i)), 10 + i)
    assert writer.messages == 4
    return path


def test_rosbags_reads_it_with_types_times_and_qos(bag):
    with AnyReader([bag]) as reader:
        got = [
            (c.topic, stamp, reader.deserialize(data, c.msgtype))
            for c, stamp, data in reader.messages()
        ]
        durability = {c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections}
    assert [entry[:2] for entry in got] == [
        ("/policy/info", 5),
        ("/netft_data", 10),
        ("/netft_data", 11),
        ("/netft_data", 12),
    ]
    assert [entry[2].wrench.force.z for entry in got[1:]] == [0.0, 1.0, 2.0]
    assert durability["/policy/info"] == QosDurability.TRANSIENT_LOCAL
    assert durability["/netft_data"] == QosDurability.VOLATILE


def test_mcap_reads_it_on_its_own(bag):
    with (bag / "attempt_0001.mcap").open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        forces = [m.ros_msg.wrench.force.z for m in _decoded(reader, "/netft_data")]
    assert forces == [0.0, 1.0, 2.0]


def _decoded(reader, topic):
    for _, _, message, decoded in reader.iter_decoded_messages(topics=[topic]):
        yield type("Both", (), {"message": message, "ros_msg": decoded})


def test_the_metadata_are_those_of_jazzy(bag):
    told = YAML(typ="safe").load(bag / "metadata.yaml")["rosbag2_bagfile_information"]
    assert told["version"] == 9
    assert told["storage_identifier"] == "mcap"
    assert told["message_count"] == 4
    qos = told["topics_with_message_count"][1]["topic_metadata"]["offered_qos_profiles"]
    assert qos[0]["durability"] == "transient_local"


@pytest.mark.parametrize("stamp_ns", [-1, 2**63, -(2**40)])
def test_a_time_that_is_none_is_refused(tmp_path, stamp_ns):
    with BagWriter(tmp_path / "bag", [INFO]) as writer:
        with pytest.raises(BagError, match="expected a time"):
            writer.write("/policy/info", text("{}"), stamp_ns)
        writer.write("/policy/info", text("{}"), 5)
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [stamp for _, stamp, _ in reader.messages()] == [5]


def test_the_file_has_all_its_checksums(bag):
    with (bag / "attempt_0001.mcap").open("rb") as file:
        records = list(StreamReader(file, emit_chunks=True, validate_crcs=True).records)
    assert next(r.uncompressed_crc for r in records if isinstance(r, Chunk)) != 0
    assert next(r.data_section_crc for r in records if isinstance(r, DataEnd)) != 0
    assert next(r.summary_crc for r in records if isinstance(r, Footer)) != 0


def test_lost_messages_are_stored(tmp_path):
    with BagWriter(tmp_path / "bag", [INFO]) as writer:
        writer.lost = {"/policy/info": 12}
    told = YAML(typ="safe").load(tmp_path / "bag" / "metadata.yaml")
    custom = told["rosbag2_bagfile_information"]["custom_data"]
    assert custom == {"lost_messages /policy/info": "12"}


def test_the_distribution_is_the_running_one(bag, monkeypatch):
    told = YAML(typ="safe").load(bag / "metadata.yaml")["rosbag2_bagfile_information"]
    assert told["ros_distro"] == metadata.ros_distribution()
    metadata.ros_distribution.cache_clear()
    monkeypatch.setenv("ROS_DISTRO", "lyrical")
    assert metadata.ros_distribution() == "lyrical"
    metadata.ros_distribution.cache_clear()
    monkeypatch.delenv("ROS_DISTRO")
    wheel = type("Wheel", (), {"metadata": {"Name": "ros-kilted-rclpy"}})
    monkeypatch.setattr(metadata, "distributions", lambda: [wheel])
    assert metadata.ros_distribution() == "kilted"
    metadata.ros_distribution.cache_clear()


def test_the_metadata_are_as_rosbags_writes_them(bag, tmp_path):
    """All metadata agree, except the distribution and the custom data."""
    with Writer(tmp_path / "attempt_0001", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        types = typestore()
        for topic in (WRENCH, INFO, SILENT):
            writer.add_connection(topic.name, topic.message_type, typestore=types)
        for connection, stamps in (
            (writer.connections[1], [5]),
            (writer.connections[0], (10, 11, 12)),
        ):
            for stamp in stamps:
                writer.write(connection, stamp, bytes(8))
    ours, theirs = (
        YAML(typ="safe").load(path / "metadata.yaml")["rosbag2_bagfile_information"]
        for path in (bag, tmp_path / "attempt_0001")
    )
    for information in (ours, theirs):
        information.pop("ros_distro")
        for topic in information["topics_with_message_count"]:
            topic["topic_metadata"].pop("offered_qos_profiles")
    assert ours == theirs


def test_nothing_but_the_bag_is_left(bag):
    assert [entry.name for entry in bag.parent.iterdir()] == ["attempt_0001"]


def test_while_it_is_written_it_has_another_name(tmp_path):
    with BagWriter(tmp_path / "bag", [INFO]) as writer:
        writer.write("/policy/info", text("{}"), 5)
        assert [entry.name for entry in tmp_path.iterdir()] == ["bag.part"]


def test_an_exception_leaves_what_was_written(tmp_path):
    with pytest.raises(KeyError), BagWriter(tmp_path / "bag", [INFO]) as writer:  # noqa: PT012
        writer.write("/policy/info", text("{}"), 5)
        raise KeyError
    assert [entry.name for entry in tmp_path.iterdir()] == ["bag.part"]


KILLED = """
import os, signal, sys
from der_ros.bags import metadata, recorder
from der_ros.bags.recorder import BagWriter, RecordedTopic
writer = BagWriter(sys.argv[1], [RecordedTopic("/policy/info", "std_msgs/msg/String", True)])
writer.open()
for stamp in range(4):
    writer.write("/policy/info", bytes(8), stamp)
    if stamp == 2:
        writer.save()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_all_it_has_saved(tmp_path):
    result = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "bag")], timeout=60)
    assert result.returncode == -signal.SIGKILL
    assert list(salvaged(tmp_path / "bag.part" / "bag" / "bag.mcap")) == [0, 1, 2]


def salvaged(path):
    """Times of the messages that are in a file without an end."""
    with path.open("rb") as file, contextlib.suppress(EndOfFile):
        for entry in StreamReader(file).records:
            if isinstance(entry, Message):
                yield entry.log_time


def test_what_is_saved_on_the_way_is_read_as_one_bag(tmp_path):
    with BagWriter(tmp_path / "bag", [INFO]) as writer:
        for stamp in range(5):
            writer.write("/policy/info", text(str(stamp)), stamp)
            writer.save()
            writer.save()
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [stamp for _, stamp, _ in reader.messages()] == [0, 1, 2, 3, 4]


def test_a_name_that_is_taken_is_refused(bag):
    with pytest.raises(BagError, match="attempt_0001 exists"):
        BagWriter(bag, [INFO]).open()


def test_what_cannot_be_recorded_is_refused(tmp_path):
    strange = RecordedTopic("/x", "my_msgs/msg/Thing")
    with pytest.raises(BagError, match="my_msgs/msg/Thing"):
        BagWriter(tmp_path / "bag", [strange]).open()
    with BagWriter(tmp_path / "other", [INFO]) as writer, pytest.raises(BagError, match="/y"):
        writer.write("/y", b"", 1)
    with pytest.raises(BagError, match="not open"):
        writer.write("/policy/info", b"", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be made"):
        BagWriter(tmp_path / "file" / "bag", [INFO]).open()


class FullDisk:
    """A file on a disk that has no more room once ``room`` is 0; closing it fails, too."""

    def __init__(self, file):
        self.file, self.room = file, 1

    def write(self, data):
        if not self.room:
            raise OSError(28, "No space left on device")
        return self.file.write(data)

    def close(self):
        self.file.close()
        raise OSError(28, "No space left on device")

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("big", [False, True])
def test_a_full_disk_is_reported_and_no_bag_appears(tmp_path, big, monkeypatch):
    full = FullDisk((tmp_path / "written").open("wb"))
    monkeypatch.setattr(recorder, "open_file", lambda _path: full)
    writer = BagWriter(tmp_path / "bag", [INFO])
    writer.open()
    full.room = 0
    payload = text("x" * (2**20 + 100 if big else 10))
    with pytest.raises(BagError, match="No space left"):
        # A large message is flushed at once, a small one when the bag is completed.
        _ = writer.write("/policy/info", payload, 1), writer.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["bag.part", "written"]


def test_a_float_array_keeps_its_bits(tmp_path):
    types = typestore().types
    layout = types["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)
    data = np.array([0.1, -np.pi, 1e-30], np.float32)
    with BagWriter(tmp_path / "bag", [SILENT]) as writer:
        message = cdr("std_msgs/msg/Float32MultiArray", layout=layout, data=data)
        writer.write("/policy/action", message, 1)
    with AnyReader([tmp_path / "bag"]) as reader:
        ((connection, _, raw),) = reader.messages()
        assert (reader.deserialize(raw, connection.msgtype).data == data).all()


def test_static_transforms_are_recorded_latched(tmp_path):
    types, kind = typestore(), "tf2_msgs/msg/TFMessage"
    data = bytes(types.serialize_cdr(types.types[kind](transforms=[]), kind))
    topic = RecordedTopic("/tf_static", kind, latched=True)
    with BagWriter(tmp_path / "bag", [topic]) as writer:
        writer.write("/tf_static", data, 5)
    with BagReader(tmp_path / "bag") as reader:
        assert reader.latched == {"/tf_static"}
        (message,) = reader.messages("/tf_static")
    assert len(message.message.transforms) == 0
