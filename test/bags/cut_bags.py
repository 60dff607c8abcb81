"""Bags to cut and damage, and their messages as other readers see them."""

import struct
from pathlib import Path

import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader

from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore

SHIPPED = Path(__file__).resolve().parents[1] / "replay" / "bags"
TEXTS = [
    RecordedTopic("/policy/info", "std_msgs/msg/String", latched=True),
    RecordedTopic("/assembly_supervisor/attempt", "std_msgs/msg/String"),
]


def text(data):
    types = typestore()
    string = types.types["std_msgs/msg/String"]
    return bytes(types.serialize_cdr(string(data=data), "std_msgs/msg/String"))


def text_bag(path, count=60, save_every=20):
    """Write a bag of texts with several chunks."""
    with BagWriter(path, TEXTS) as writer:
        for number in range(count):
            writer.write(TEXTS[number % 2].name, text(f"message {number}"), 1000 + number)
            if number % save_every == save_every - 1:
                writer.save()
    return path


def recorded_again(path, source):
    """Write a shipped bag like the recorder: uncompressed, saved twice a second."""
    saved_ns = 0
    with BagReader(source) as reader, AnyReader([source]) as other:
        topics = [RecordedTopic(each.topic, each.msgtype) for each in other.connections]
        with BagWriter(path, topics) as writer:
            for topic, stamp_ns, data in reader.serialized(*reader.topics):
                writer.write(topic, data, stamp_ns)
                if stamp_ns - saved_ns > 500_000_000:
                    writer.save()
                    saved_ns = stamp_ns
    return path


def compressed_file(path, compression, count=400):
    """Write an MCAP file with compressed chunks of about 2 kB each, and an attachment."""
    rng = np.random.default_rng(3)
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=2000, compression=CompressionType[compression])
        writer.start("ros2", "another")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        channel = writer.register_channel("/x", "cdr", schema)
        for number in range(count):
            noise = rng.bytes(20).hex()
            writer.add_message(channel, 1000 + number, text(noise), 1000 + number)
            if number == 5:
                writer.add_attachment(1, 1, "config.yaml", "text/plain", b"a: 1\n")
        writer.finish()
    return path


def message_ends(data):
    """Return the end of each message in an uncompressed MCAP file, parsed without a library."""
    ends, position = [], 8
    while position + 9 <= len(data):
        opcode, length = struct.unpack_from("<BQ", data, position)
        begin, end = position + 9, position + 9 + length
        if opcode == 6:
            (name_length,) = struct.unpack_from("<I", data, begin + 28)
            inner = begin + 32 + name_length + 8
            while inner < end:
                kind, size = struct.unpack_from("<BQ", data, inner)
                inner += 9 + size
                if kind == 5:
                    ends.append(inner)
        position = end
    return ends


def by_rosbags(bag):
    """Return topic, time and bytes of each message, in file order, as read by rosbags."""
    with AnyReader([bag]) as reader:
        return [
            (connection.topic, stamp, bytes(data)) for connection, stamp, data in reader.messages()
        ]


def by_mcap(bag):
    """Return the same triples as read by mcap; each message is also decoded."""
    found = []
    for path in sorted(bag.glob("*.mcap")):
        with path.open("rb") as file:
            reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
            for _, channel, message, decoded in reader.iter_decoded_messages():
                assert decoded is not None
                found.append((channel.topic, message.log_time, message.data))
    return found
