"""Keys as axes and buttons, and restored terminal settings."""

import os
import pty
import subprocess
import sys
import termios

import pytest

from der_ros.teleop.axis_map import load_map
from der_ros.teleop.gate import Reading, TeleopGate
from der_ros.teleop.joystick import DeviceError
from der_ros.teleop.keyboard import HOLD_S, Keyboard, KeyStates


def test_a_key_moves_and_holds_the_dead_man_button():
    states = KeyStates()
    states.press("w", 0.0)
    assert states.axes(0.02) == [0.0] * 6
    assert states.buttons(0.02)[0] == 1
    assert states.axes(0.05) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert states.buttons(0.05) == [1, 0, 0, 0, 0, 0, 0]


def test_a_key_is_released_after_a_while():
    states = KeyStates()
    states.press("w", 0.0)
    assert states.axes(HOLD_S + 0.001) == [0.0] * 6
    assert states.buttons(HOLD_S + 0.001) == [0] * 7


def test_opposite_keys_cancel_and_others_are_ignored():
    states = KeyStates()
    states.press("wsD!\x1b", 0.0)
    assert states.axes(0.05) == [0.0, -1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(("key", "button"), [("\n", 3), ("y", 4), ("x", 5), ("n", 6), ("-", 1)])
def test_a_button_key_moves_nothing(key, button):
    states = KeyStates()
    states.press(key, 0.0)
    assert states.buttons(0.0) == [int(k == button) for k in range(7)]


def test_tapped_keys_move_through_the_gate():
    """Pressing a second key while the first is held must not lock the gate permanently."""
    states, gate, moved = KeyStates(), TeleopGate(load_map("keyboard")), 0
    for k in range(300):
        now = 0.02 * k
        if k % 10 == 5:
            states.press("wd"[k // 100 % 2], now)
        gate.take(Reading(states.axes(now), states.buttons(now), now))
        moved += bool(gate.action(now).any())
    assert moved > 100


def test_without_a_terminal_it_says_where_to_run(tmp_path):
    with pytest.raises(DeviceError, match="in a terminal of its own"):
        Keyboard(str(tmp_path / "tty"))


def test_a_file_that_is_no_terminal_is_closed(tmp_path):
    (tmp_path / "tty").touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DeviceError, match="no keyboard"):
        Keyboard(str(tmp_path / "tty"))
    assert len(os.listdir("/proc/self/fd")) == before


def started(program, slave):
    """Start a Python program whose controlling terminal is ``slave``."""
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=slave,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(slave), os.O_RDWR)),
    )


CLOSED = """
import signal
from der_ros.teleop.joystick import DeviceError
from der_ros.teleop.keyboard import Keyboard
signal.signal(signal.SIGHUP, signal.SIG_IGN)
keyboard = Keyboard()
print("ready", flush=True)
try:
    while True:
        keyboard.read(5.0)
except DeviceError as error:
    print(error, flush=True)
keyboard.close()
"""


def test_a_closed_terminal_is_reported():
    master, slave = pty.openpty()
    child = started(CLOSED, slave)
    os.close(slave)
    assert child.stdout.readline() == "ready\n"
    os.close(master)
    assert child.stdout.readline().startswith("the terminal has gone")
    assert child.wait(10.0) == 0
    child.stdout.close()


CHILD = """
import sys
from der_ros.teleop.keyboard import Keyboard
keyboard = Keyboard()
print("ready", flush=True)
print(repr(keyboard.read(5.0)), flush=True)
keyboard.close()
"""


def test_a_terminal_is_read_and_given_back():
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    child = started(CHILD, slave)
    assert child.stdout.readline() == "ready\n"
    os.write(master, b"w")
    assert child.stdout.readline() == "'w'\n"
    assert child.wait(10.0) == 0
    assert termios.tcgetattr(slave) == before
    child.stdout.close()
    os.close(master)
    os.close(slave)


OF_ANOTHER_SESSION = """
import sys
from der_ros.teleop.keyboard import Keyboard
keyboard = Keyboard(sys.argv[1])
print("ready", flush=True)
print(repr(keyboard.read(5.0)), flush=True)
keyboard.close()
"""


def test_another_sessions_terminal_is_read():
    """A launch starts each node in a session of its own, without a terminal."""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", OF_ANOTHER_SESSION, os.ttyname(slave)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout.readline() == "ready\n"
    os.write(master, b"w")
    assert child.stdout.readline() == "'w'\n"
    assert child.wait(10.0) == 0
    child.stdout.close()
    os.close(master)
    os.close(slave)
