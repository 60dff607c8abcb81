"""The joystick device, simulated by a pipe with the kernel's events."""

import os
import struct

import pytest

from der_ros.teleop.joystick import DeviceError, Joystick

BUTTON, AXIS, INITIAL = 0x01, 0x02, 0x80


def event(value, kind, number):
    return struct.pack("=IhBB", 0, value, kind, number)


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "js0"
    os.mkfifo(path)
    # Open for reading and writing, so that the reader's open does not wait for a writer.
    writer = os.open(path, os.O_RDWR)
    joystick = Joystick(path)
    yield joystick, lambda data: os.write(writer, data)
    joystick.close()
    os.close(writer)


def test_the_state_after_opening_is_taken(pipe):
    joystick, send = pipe
    send(event(0, AXIS | INITIAL, 0) + event(-32767, AXIS | INITIAL, 1))
    send(event(1, BUTTON | INITIAL, 2))
    joystick.wait(1.0)
    assert joystick.axes == [0.0, 1.0]
    assert joystick.buttons == [0, 0, 1]


def test_left_and_up_are_positive(pipe):
    joystick, send = pipe
    send(event(-32767, AXIS, 0))
    joystick.wait(1.0)
    send(event(-32768, AXIS, 1))
    joystick.wait(1.0)
    send(event(32767, AXIS, 2))
    joystick.wait(1.0)
    assert joystick.axes == [1.0, 1.0, -1.0]


def test_an_event_in_two_parts_is_one_event(pipe):
    joystick, send = pipe
    whole = event(1, BUTTON, 0)
    send(whole[:5])
    joystick.wait(1.0)
    assert joystick.buttons == []
    send(whole[5:])
    joystick.wait(1.0)
    assert joystick.buttons == [1]


def test_nothing_comes_in_time(pipe):
    joystick, _ = pipe
    joystick.wait(0.0)
    assert joystick.axes == []


def test_a_device_that_is_not_there_is_reported(tmp_path):
    with pytest.raises(DeviceError, match=r"no game controller at .*js7"):
        Joystick(tmp_path / "js7")


def test_a_device_that_has_gone_is_reported(tmp_path):
    path = tmp_path / "js0"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    joystick = Joystick(path)
    os.close(writer)
    os.close(reader)
    with pytest.raises(DeviceError, match="has gone"):
        joystick.wait(1.0)
    joystick.close()
