"""The port of the RSI server, and the local address that reaches the robot."""

import contextlib
import socket
import time
from time import monotonic

import pytest

from der_ros.drivers.kuka import transport
from der_ros.drivers.kuka.transport import RsiPort, address_towards
from der_ros.errors import ConfigurationError, ConnectionFailedError


@pytest.fixture
def port():
    port = RsiPort("127.0.0.1", 0)
    with contextlib.closing(port):
        yield port


@pytest.fixture
def peers(port):
    with contextlib.ExitStack() as stack:
        found = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
        ]
        for udp in found:
            udp.connect(("127.0.0.1", port.number))
        yield found


def said(packets):
    return [packet.data for packet in packets]


def test_a_followed_peer_is_heard_apart_from_others(port, peers):
    one, other = peers
    port.follow(one.getsockname())
    other.send(b"noise")
    one.send(b"telegram")
    assert said(port.receive()) == [b"telegram"]
    assert said(port.strays()) == [b"noise"]


def test_what_came_before_the_following_is_not_lost(port, peers):
    one, _ = peers
    one.send(b"early")
    port.follow(one.getsockname())
    assert said(port.strays()) == [b"early"]


def test_nobody_is_followed_any_more(port, peers):
    one, other = peers
    port.follow(one.getsockname())
    port.follow(None)
    other.send(b"restarted")
    assert said(port.receive()) == [b"restarted"]
    assert port.strays() == []


def test_a_pause_while_the_clocks_are_read_ages(port, peers, monkeypatch):
    """A datagram that counts as fresher than it is would hide a late one."""
    clocks = {name: getattr(time, name) for name in ("time_ns", "monotonic")}

    def after_a_pause(name):
        time.sleep(0.02)
        return clocks[name]()

    for name in clocks:
        monkeypatch.setattr(transport.time, name, lambda name=name: after_a_pause(name))
    peers[0].send(b"telegram")
    sent_s = clocks["monotonic"]()
    (packet,) = port.receive()
    assert packet.stamp_monotonic_s <= sent_s + 0.001


def test_a_flood_is_taken_in_bounded_pieces(port, peers):
    one, other = peers
    port.follow(one.getsockname())
    for _ in range(300):
        other.send(b"noise")
        one.send(b"noise")
    assert 0 < len(port.receive()) <= 256
    assert 0 < len(port.strays()) <= 64


def test_a_full_foreign_queue_drops_no_peers_telegram(port, peers):
    one, other = peers
    port.follow(one.getsockname())
    for _ in range(5000):
        other.send(bytes(500))
    one.send(b"telegram")
    assert said(port.receive()) == [b"telegram"]


@pytest.mark.parametrize("follows", [False, True])
def test_the_port_stays_closed_to_other_programs(port, peers, follows):
    port.follow(peers[0].getsockname() if follows else None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            udp.bind(("127.0.0.1", port.number))
    with pytest.raises(ConnectionFailedError, match="rsi_port"):
        RsiPort("127.0.0.1", port.number)


def test_a_silent_peer_leaves_time_for_others(port, peers):
    port.follow(peers[0].getsockname())
    begin = monotonic()
    assert port.receive() == []
    assert monotonic() - begin < 5.0


def test_a_port_on_every_address_follows_nobody(peers):
    port = RsiPort("0.0.0.0", 0)
    with contextlib.closing(port), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        port.follow(peers[0].getsockname())
        udp.sendto(b"telegram", ("127.0.0.1", port.number))
        assert said(port.receive()) == [b"telegram"]


def test_the_way_to_this_computer_is_the_loopback():
    assert address_towards("127.0.0.2").startswith("127.")


@pytest.mark.parametrize("bad", ["", "robot", "300.0.0.1"])
def test_what_is_no_address_is_said(bad):
    with pytest.raises(ConfigurationError, match="robot_ip"):
        address_towards(bad)
