"""The RSI server on real sockets: every telegram is answered, whatever arrives or fails."""

import contextlib
import itertools
import math
import socket
import sys
import time

import numpy as np
import pytest
from waiting import until

from der_ros.drivers.kuka import rsi_telegrams
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.kuka.rsi_server import RsiServer
from der_ros.drivers.kuka.rsi_telegrams import NO_CORRECTION, RobotTelegram
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Twist

PUSH = Twist(np.array((0.05, 0.0, 0.0)), np.zeros(3))
PUSHED = (0.6, 0.0, 0.0, 0.0, 0.0, 0.0)
TCP = (1620.0, 0.0, 1910.0, 0.0, 90.0, 0.0)


class Robot:
    """A controller that sends telegrams at the test's command."""

    def __init__(self, port, address="127.0.0.1", own_port=0):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, own_port))
        self.udp.settimeout(2.0)
        self.there = ("127.0.0.1", port)

    def say(self, data):
        self.udp.sendto(data, self.there)

    def hear(self):
        return rsi_telegrams.parse_sensor_telegram(self.udp.recv(65536))

    def ask(self, ipoc, tcp=TCP, **fields):
        self.say(rsi_telegrams.build_robot_telegram(RobotTelegram(ipoc, tcp, **fields)))
        return self.hear()

    def hears_nothing(self):
        self.udp.settimeout(0.1)
        try:
            self.udp.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.udp.settimeout(2.0)
        return False


@contextlib.contextmanager
def serving(on_cycle=lambda state: PUSH, on_answered=None, **options):
    options = {"check_cycle": False, "realtime_priority": 0, **options}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            RsiServer(RsiServerConfig(port=0, **options), on_cycle, on_answered)
        )
        robot = Robot(server.port)
        stack.callback(robot.udp.close)
        yield server, robot


def test_an_answer_has_ipoc_and_correction():
    states, answered = [], []

    def on_cycle(state):
        states.append(state)
        return PUSH

    with serving(on_cycle, answered.append) as (server, robot):
        assert not server.connected
        answer = robot.ask(4711, axes_deg=(0.0, -90.0, 90.0, 0.0, 90.0, 0.0), delay=3)
        assert answer == rsi_telegrams.SensorTelegram(4711, PUSHED)
        assert server.connected
        assert until(lambda: answered)
    (state,) = states
    np.testing.assert_allclose(state.tcp_pose.position, (1.62, 0.0, 1.91))
    np.testing.assert_allclose(np.degrees(state.joint_positions_rad), (0, -90, 90, 0, 90, 0))
    assert (state.ipoc, state.delay, state.cycle_s, state.session) == (4711, 3, 0.012, 1)
    assert abs(time.monotonic() - state.stamp_monotonic_s) < 5.0
    np.testing.assert_allclose(answered[0].twist.to_array(), PUSH.to_array(), atol=1e-12)
    assert answered[0].state is state


def test_no_other_thread_delays_an_answer():
    intervals = []

    def on_cycle(state):
        intervals.append(sys.getswitchinterval())
        return PUSH

    with serving(on_cycle, lambda answered: intervals.append(sys.getswitchinterval())) as (
        _,
        robot,
    ):
        robot.ask(12)
        assert until(lambda: len(intervals) == 2)
    deciding, answered = intervals
    assert deciding == pytest.approx(5e-3)
    assert answered == pytest.approx(5e-5)


def test_requests_to_the_system_are_reported():
    with serving() as (server, robot):
        robot.ask(12)
        grants = server.grants
        assert grants["scheduling"].words == "not asked for"
        assert "global lock" in grants["switching"].words


def raises(state):
    raise RuntimeError("broken on purpose")


@pytest.mark.parametrize(
    ("on_cycle", "expected"),
    [
        (raises, "broken on purpose"),
        (lambda state: Twist(np.array((math.nan, 0, 0)), np.zeros(3)), "not finite"),
        (lambda state: Twist(np.array((math.inf, 0, 0)), np.zeros(3)), "not finite"),
        (lambda state: None, "on_cycle failed"),
    ],
)
def test_an_error_in_a_cycle_is_no_motion(on_cycle, expected):
    answered = []
    with serving(on_cycle, answered.append) as (server, robot):
        for ipoc in (12, 24, 36):
            assert robot.ask(ipoc) == rsi_telegrams.SensorTelegram(ipoc, NO_CORRECTION)
        assert until(lambda: server.statistics.errors == 3)
        assert expected in server.statistics.last_error
        assert expected in answered[0].error


def test_a_failing_report_does_not_end_the_answers():
    with serving(on_answered=raises) as (_, robot):
        assert [robot.ask(ipoc).ipoc for ipoc in (12, 24)] == [12, 24]


def test_a_failed_report_is_followed_by_no_motion():
    answered = []

    def fails_once(record):
        answered.append(record)
        if len(answered) == 1:
            raise RuntimeError("broken on purpose")

    with serving(on_answered=fails_once) as (server, robot):
        corrections = [robot.ask(ipoc).correction for ipoc in (12, 24, 36)]
        assert until(lambda: len(answered) == 3)
        assert corrections[1] == NO_CORRECTION
        assert NO_CORRECTION not in (corrections[0], corrections[2])
        assert [record.error for record in answered] == [
            None,
            "on_answered failed: RuntimeError: broken on purpose",
            None,
        ]
        assert server.statistics.errors == 1


def test_malformed_telegrams_are_dropped_and_counted():
    with serving() as (server, robot):
        for data in (b"", b"<Rob>", b"\xff" * 100, b"<Rob>" + b"a" * 9000 + b"</Rob>"):
            robot.say(data)
        assert robot.ask(12).ipoc == 12
        assert server.statistics.malformed == 4
        assert robot.hears_nothing()


def test_another_address_is_not_answered():
    with serving(robot_ip="127.0.0.9") as (server, stranger):
        stranger.say(b'<Rob Type="KUKA"><IPOC>12</IPOC></Rob>')
        assert stranger.hears_nothing()
        assert server.statistics.foreign == 1
        robot = Robot(server.port, "127.0.0.9")
        with contextlib.closing(robot.udp):
            assert robot.ask(12).ipoc == 12


def test_another_port_is_answered_only_after_silence():
    with serving(peer_silence_s=0.3) as (server, robot):
        robot.ask(12)
        second = Robot(server.port)
        with contextlib.closing(second.udp):
            second.say(rsi_telegrams.build_robot_telegram(RobotTelegram(12, TCP)))
            assert second.hears_nothing()
            assert server.statistics.foreign == 1
            assert until(lambda: not server.connected)
            assert second.ask(5).ipoc == 5
            assert server.statistics.sessions == 2


def test_the_same_telegram_again_moves_only_once():
    calls = []

    def on_cycle(state):
        calls.append(state.ipoc)
        return PUSH

    telegram = rsi_telegrams.build_robot_telegram(RobotTelegram(12, TCP))
    with serving(on_cycle) as (server, robot):
        robot.say(telegram)
        robot.say(telegram)
        assert robot.hear() == robot.hear() == rsi_telegrams.SensorTelegram(12, PUSHED)
        assert calls == [12]
        assert server.statistics.travel_mm == pytest.approx(0.6)


def test_an_ipoc_that_stands_still_moves_nothing():
    sessions = []

    def on_cycle(state):
        sessions.append(state.session)
        return PUSH

    with serving(on_cycle, peer_silence_s=0.1) as (server, robot):
        assert robot.ask(12).correction == PUSHED
        moved = 0
        for _ in range(20):
            time.sleep(0.012)
            moved += robot.ask(12).correction == PUSHED
        # A new session after each silence, in which kuka_bridge latches a fault.
        assert moved == server.statistics.sessions - 1 == len(sessions) - 1 <= 3
        assert sessions[:2] == [1, 2]


def test_what_is_answered_without_motion_is_reported():
    rested = []

    def on_cycle(state):
        rested.append(state.rested)
        return PUSH

    with serving(on_cycle) as (_, robot):
        robot.ask(12)
        robot.say(b'<Rob Type="KUKA"><IPOC>24</IPOC></Rob>')
        assert robot.hear().correction == NO_CORRECTION
        robot.ask(36)
        robot.ask(48)
        robot.say(b"junk")
        robot.ask(60)
        robot.ask(72)
        assert rested == [False, True, False, True, False]


def test_an_older_telegram_is_answered_without_motion():
    with serving() as (server, robot):
        robot.ask(24)
        assert robot.ask(12) == rsi_telegrams.SensorTelegram(12, NO_CORRECTION)
        assert server.statistics.out_of_order == 1


def test_an_ipoc_jump_is_answered_and_starts_anew():
    sessions = []

    def on_cycle(state):
        sessions.append(state.session)
        return PUSH

    with serving(on_cycle) as (server, robot):
        for ipoc in (5_000_000, 5_000_012, 9_000_000, 12):
            assert robot.ask(ipoc).ipoc == ipoc
        assert sessions == [1, 1, 2, 3]
        assert server.statistics.travel_mm == pytest.approx(0.6)


def test_old_versions_open_with_an_empty_telegram():
    with serving() as (_, robot):
        robot.say(b'<Rob Type="KUKA"></Rob>')
        assert robot.hear() == rsi_telegrams.SensorTelegram(0, NO_CORRECTION)
        assert robot.ask(12).correction == PUSHED


def test_a_telegram_without_a_pose_gets_no_motion():
    with serving() as (_, robot):
        robot.say(b'<Rob Type="KUKA"><IPOC>12</IPOC></Rob>')
        assert robot.hear() == rsi_telegrams.SensorTelegram(12, NO_CORRECTION)


def test_only_the_newest_of_piled_up_telegrams_moves():
    calls = []

    def on_cycle(state):
        if not calls:
            # The others arrive meanwhile, as after a stopped process.
            for ipoc in (24, 36, 48):
                robot.say(rsi_telegrams.build_robot_telegram(RobotTelegram(ipoc, TCP)))
        calls.append(state.ipoc)
        return PUSH

    with serving(on_cycle) as (server, robot):
        answers = [robot.ask(12), *[robot.hear() for _ in range(3)]]
        assert [answer.ipoc for answer in answers] == [12, 24, 36, 48]
        assert [answer.correction[0] for answer in answers] == [0.6, 0.0, 0.0, 0.6]
        assert calls == [12, 48]
        assert server.statistics.backlog == 2


BAD = b"<Rob><IPOC>60</IPOC>"


@pytest.mark.parametrize(
    ("behind", "answers"),
    [
        ([BAD], [24]),
        ([b"", b"\xff" * 50, b"<Sen><IPOC>60</IPOC></Sen>"], [24]),
        ([rsi_telegrams.build_robot_telegram(RobotTelegram(6, TCP))], [24, 6]),
        ([rsi_telegrams.build_robot_telegram(RobotTelegram(12, TCP))], [24, 12]),
    ],
    ids=["malformed", "no telegrams", "older", "older by one"],
)
def test_junk_takes_no_motion_from_the_newest(behind, answers):
    def on_cycle(state):
        if state.ipoc == 12:
            # All of these wait for the next round.
            robot.say(rsi_telegrams.build_robot_telegram(RobotTelegram(24, TCP)))
            for data in behind:
                robot.say(data)
        return PUSH

    with serving(on_cycle) as (_, robot):
        robot.ask(12)
        heard = [robot.hear() for _ in answers]
    assert [answer.ipoc for answer in heard] == answers
    assert heard[0].correction == PUSHED


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9"])
def test_a_foreign_flood_is_reported_and_stops_nothing(address):
    with serving() as (server, robot), contextlib.closing(Robot(server.port, address).udp) as udp:
        moved = []
        for ipoc in range(12, 1212, 12):
            for _ in range(40):
                udp.sendto(b"junk", robot.there)
            robot.say(rsi_telegrams.build_robot_telegram(RobotTelegram(ipoc, TCP)))
            for _ in range(40):
                udp.sendto(b"junk", robot.there)
            moved.append(robot.hear().correction)
        assert moved == [PUSHED] * 100
        assert server.statistics.foreign_from == "{}:{}".format(*udp.getsockname())
        assert server.statistics.foreign_from in server.warning


def test_a_repeated_telegram_gets_its_own_ipoc():
    with serving() as (_, robot):
        robot.ask(0)
        robot.ask(12)  # answered: the controller has its own socket, which keeps the order
        for ipoc in (24, 6, 24):
            robot.say(rsi_telegrams.build_robot_telegram(RobotTelegram(ipoc, TCP)))
        answer, _, again = robot.hear(), robot.hear(), robot.hear()
        assert again == answer == rsi_telegrams.SensorTelegram(24, PUSHED)


def test_telegrams_without_a_pose_are_not_a_connection():
    with serving() as (server, robot):
        robot.say(b'<Rob Type="KUKA"><IPOC>12</IPOC></Rob>')
        robot.hear()
        assert (server.connected, server.lacking) == (False, "RIst")
        robot.ask(24)
        assert (server.connected, server.lacking) == (True, None)


def test_a_returning_controller_is_answered_at_once():
    with serving() as (server, robot):
        robot.ask(12)
        address = robot.udp.getsockname()
        robot.udp.close()
        # Answers to these find a closed port, and the network says so.
        for ipoc in (24, 36):
            _say_as(address, robot.there, ipoc)
        assert until(lambda: server.statistics.answered == 3)
        back = Robot(server.port, *address)
        with contextlib.closing(back.udp):
            assert [back.ask(ipoc).ipoc for ipoc in (48, 60)] == [48, 60]


def _say_as(address, there, ipoc):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(address)
        udp.sendto(rsi_telegrams.build_robot_telegram(RobotTelegram(ipoc, TCP)), there)


def test_travel_is_refused_and_said():
    answered = []
    with serving(on_answered=answered.append, limits=CorrectionLimits(1.0, 1.0)) as (server, robot):
        assert [robot.ask(ipoc).correction[0] for ipoc in (12, 24, 36)] == [0.6, 0.0, 0.0]
        assert until(lambda: server.statistics.refused == 2)
        assert "limit on corrections of 1 mm" in answered[1].refusal
        assert answered[1].twist.to_array().any() == np.False_


@pytest.mark.alone
def test_late_answers_let_the_pose_tell_the_travel():
    """A controller with HOLDON repeated a correction, so that the arm is 5 mm further than sent."""
    pushes = [PUSH]
    with serving(lambda state: pushes[0]) as (server, robot):
        ipoc = itertools.count(12, 12)
        further = (TCP[0] + 5.6, TCP[1], TCP[2] - 3.0, 2.0, 90.0, 0.0)
        robot.ask(next(ipoc))
        for _ in range(100):
            pushes[0] = Twist.zero()
            robot.ask(next(ipoc), further)
        assert server.statistics.travel_mm == pytest.approx(0.6)  # no answer was late
        robot.ask(next(ipoc), further, delay=8)
        for _ in range(100):
            robot.ask(next(ipoc), further)
        assert until(lambda: server.statistics.travel_mm == pytest.approx(math.hypot(5.6, 3.0)))
        assert server.statistics.travel_deg == pytest.approx(2.0)
        robot.ask(4_000_000)  # another start of RSI
        assert until(lambda: server.statistics.travel_mm == 0.0)


@pytest.mark.parametrize(("interval_s", "moves"), [(0.012, True), (0.004, False)])
def test_motion_waits_until_the_cycle_is_checked(interval_s, moves):
    with serving(check_cycle=True) as (server, robot):
        due, corrections = time.monotonic(), []
        for index in range(60):
            corrections.append(robot.ask(12 * (index + 1)).correction[0])
            due += interval_s
            time.sleep(max(0.0, due - time.monotonic()))
        assert not any(corrections[:25])
        assert any(corrections[25:]) == moves
        if not moves:
            assert "set cycle_ms" in server.statistics.last_error


def test_latency_is_measured_from_the_kernel():
    with serving() as (server, robot):
        for ipoc in range(12, 600, 12):
            robot.ask(ipoc)
        assert until(lambda: server.statistics.answer.total == 49)
        figures = server.statistics.answer
        assert 0.0 < figures.p50_s <= figures.p99_s <= figures.max_s < 2.0


def test_a_port_in_use_is_named_and_what_to_do():
    with (
        serving() as (server, _),
        pytest.raises(ConnectionFailedError, match=rf"{server.port}.*rsi_port"),
    ):
        RsiServer(RsiServerConfig(port=server.port), lambda state: PUSH).start()


def test_an_address_of_another_computer_is_refused():
    config = RsiServerConfig(bind_address="192.0.2.1", port=0)
    with pytest.raises(ConnectionFailedError, match="bind_address"):
        RsiServer(config, lambda state: PUSH).start()


@pytest.mark.parametrize(
    "options",
    [
        {"port": -1},
        {"cycle_s": 1.0},
        {"peer_silence_s": 0.0},
        {"robot_ip": "krc4"},
        {"bind_address": "::1"},
    ],
)
def test_configuration_is_checked(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        RsiServerConfig(**options)
