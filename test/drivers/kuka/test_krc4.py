"""The simulated KRC4 against the RSI server, and against a faulty PC."""

import contextlib
import itertools
import socket
import threading

import numpy as np
import pytest
from waiting import until

from der_ros.drivers.kuka import rsi_telegrams
from der_ros.drivers.kuka.controller_limits import PathLimits
from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import ControllerState, SimulatedKrc4Config
from der_ros.drivers.kuka.plant import KinematicPlant, PlantState
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.kuka.rsi_server import RsiServer
from der_ros.drivers.kuka.rsi_telegrams import NO_CORRECTION, SensorTelegram
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Pose, Twist, angle_between

# Each side gives up when the other is late.
pytestmark = pytest.mark.alone
CYCLE_S = 0.004
STEP = (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)


class HandPc:
    """A PC that answers each telegram with the result of ``reply``, or not at all."""

    def __init__(self, reply):
        self.reply = reply
        self.heard = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(0.05)
        self.port = self.udp.getsockname()[1]
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.end.is_set():
            with contextlib.suppress(TimeoutError):
                data, sender = self.udp.recvfrom(65536)
                telegram = rsi_telegrams.parse_robot_telegram(data)
                self.heard.append(telegram)
                answer = self.reply(telegram)
                if isinstance(answer, SensorTelegram):
                    answer = rsi_telegrams.build_sensor_telegram(answer)
                if answer is not None:
                    self.udp.sendto(answer, sender)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        self.udp.close()


@contextlib.contextmanager
def controller(reply, plant=None, tap=None, **options):
    options = {"cycle_s": CYCLE_S, "realtime_priority": 0, **options}
    with HandPc(reply) as pc:
        config = SimulatedKrc4Config(pc_port=pc.port, **options)
        with SimulatedKrc4(config, plant or KinematicPlant(), tap) as krc4:
            yield pc, krc4


def rest(telegram):
    return SensorTelegram(telegram.ipoc or 0, NO_CORRECTION)


def step(telegram):
    return SensorTelegram(telegram.ipoc or 0, STEP)


def nothing(telegram):
    return None


def stopped(krc4):
    return krc4.state is ControllerState.STOPPED


def test_ipocs_grow_by_the_cycle():
    with controller(step) as (pc, krc4):
        assert until(lambda: len(pc.heard) >= 50)
        assert krc4.state is ControllerState.RUNNING
    ipocs = [telegram.ipoc for telegram in pc.heard]
    assert {b - a for a, b in itertools.pairwise(ipocs)} == {4}
    x = np.diff([telegram.tcp_mm_deg[0] for telegram in pc.heard])
    # The first telegram's answer only enables motion; a late answer (HOLDON 0) moves nothing.
    assert x[0] == 0.0
    assert set(np.round(x, 4)) <= {0.0, 0.1}
    assert x.sum() > 3.0


class Tap:
    """Records sent and received telegrams, each as (ipoc, time)."""

    def __init__(self):
        self.telegrams, self.answers = [], []

    def sent(self, ipoc, at_s, late_s):
        assert late_s >= 0.0
        self.telegrams.append((ipoc, at_s))

    def answered(self, answer, at_s):
        self.answers.append((answer.ipoc, at_s))


def test_a_tap_hears_each_telegram_and_each_answer():
    tap = Tap()
    with controller(rest, tap=tap) as (pc, _):
        assert until(lambda: len(tap.answers) >= 20)
        pc.reply = lambda t: SensorTelegram(1)
        assert until(lambda: tap.answers[-1][0] == 1)
    heard = [telegram.ipoc for telegram in pc.heard]
    told = [ipoc for ipoc, _ in tap.telegrams]
    assert told[: len(heard)] == heard[: len(told)]
    sent_s = dict(tap.telegrams)
    waits = [at_s - sent_s[ipoc] for ipoc, at_s in tap.answers if ipoc in sent_s]
    assert len(waits) >= 20
    assert all(0.0 <= wait < 1.0 for wait in waits)


def test_answers_with_another_ipoc_are_late():
    with controller(lambda t: SensorTelegram(t.ipoc + 1), timeout_cycles=20) as (pc, krc4):
        assert until(lambda: stopped(krc4))
        assert "RSITimeout" in krc4.stop_reason
        assert krc4.statistics.mismatched >= 18
        assert max(telegram.delay for telegram in pc.heard) == 20


@pytest.mark.parametrize("garbage", [b"", b"<Sen", b"x" * 9000])
def test_malformed_answers_are_late(garbage):
    with controller(lambda t: garbage, timeout_cycles=20) as (_, krc4):
        assert until(lambda: stopped(krc4))
        assert krc4.statistics.malformed >= 18


def test_without_answers_it_starts_again_by_itself():
    with controller(nothing, timeout_cycles=5, auto_restart_s=0.05) as (pc, krc4):
        assert until(lambda: krc4.statistics.sessions >= 3)
        pc.reply = rest
        assert until(lambda: krc4.state is ControllerState.RUNNING)
        assert krc4.stop_reason is None


def test_without_auto_restart_it_waits_for_a_reset():
    with controller(nothing, timeout_cycles=5) as (pc, krc4):
        assert until(lambda: stopped(krc4))
        first = pc.heard[-1].ipoc
        pc.reply = rest
        krc4.reset()
        assert until(lambda: krc4.state is ControllerState.RUNNING)
        assert pc.heard[-1].ipoc > first + 50_000


def test_the_monitor_stops_and_only_reset_starts_again():
    limits = PathLimits(5.0, 5.0, 1.0, 6.0)
    with controller(step, path_limits=limits, auto_restart_s=0.01) as (pc, krc4):
        assert until(lambda: stopped(krc4))
        assert "KSS29000" in krc4.stop_reason
        pc.reply = rest
        krc4.reset()
        assert until(lambda: krc4.state is ControllerState.RUNNING)


def test_the_clamp_is_silent():
    limits = PathLimits(1.0, 1.0, 6.0, 6.0)
    with controller(step, path_limits=limits) as (pc, krc4):
        assert until(lambda: krc4.statistics.clamped > 20)
        assert krc4.state is ControllerState.RUNNING
        x = [telegram.tcp_mm_deg[0] for telegram in pc.heard]
        assert max(x) - x[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("absolute", "hold_on", "moved_mm"),
    [(False, False, 0.0), (True, True, 0.0), (True, False, -1.0)],
)
def test_what_a_missing_answer_does(absolute, hold_on, moved_mm):
    """HOLDON: relative 0 and absolute 1 stand still, absolute 0 jumps to the start."""
    there = SensorTelegram(0, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0))

    def reply(telegram):
        return there._replace(ipoc=telegram.ipoc) if absolute else step(telegram)

    plant = KinematicPlant()
    with controller(reply, plant, absolute=absolute, hold_on=hold_on) as (pc, _):
        assert until(lambda: len(pc.heard) > 20)
        pc.reply = nothing
        assert until(lambda: pc.heard[-1].delay > 5)
        first = next(i for i in range(len(pc.heard) - 1, 0, -1) if pc.heard[i].delay == 0)
        x = [telegram.tcp_mm_deg[0] for telegram in pc.heard]
        assert x[-1] - x[first] == pytest.approx(moved_mm, abs=1e-3)


def test_hold_on_goes_on_moving_without_answers():
    with controller(step, hold_on=True) as (pc, _):
        assert until(lambda: len(pc.heard) > 20)
        pc.reply = nothing
        assert until(lambda: pc.heard[-1].delay > 10)
        x = [telegram.tcp_mm_deg[0] for telegram in pc.heard]
        assert x[-1] - x[-6] == pytest.approx(0.5, abs=1e-3)


def test_an_axis_limit_stops():
    near_limit = np.radians((184.0, -90.0, 90.0, 0.0, 90.0, 0.0))
    sideways = (0.0, 2.0, 0.0, 0.0, 0.0, 0.0)
    with controller(lambda t: SensorTelegram(t.ipoc, sideways), KinematicPlant(near_limit)) as (
        _,
        krc4,
    ):
        assert until(lambda: stopped(krc4))
        assert krc4.stop_reason == "axis A1 would have to turn over at an axis limit"


def test_an_axis_speed_stops():
    jump = (0.0, 50.0, 0.0, 0.0, 0.0, 0.0)
    with controller(lambda t: SensorTelegram(t.ipoc, jump)) as (_, krc4):
        assert until(lambda: stopped(krc4))
        assert "degrees/s, limit 128" in krc4.stop_reason


def test_the_pc_can_stop_it():
    with controller(lambda t: SensorTelegram(t.ipoc, NO_CORRECTION, "enough", True)) as (_, krc4):
        assert until(lambda: stopped(krc4))
        assert "Stop" in krc4.stop_reason


def test_it_can_open_with_an_empty_telegram():
    with controller(rest, opens_empty=True) as (pc, krc4):
        assert until(lambda: krc4.state is ControllerState.RUNNING and len(pc.heard) > 3)
        assert pc.heard[0].ipoc is None
        assert pc.heard[1].ipoc is not None


def test_the_world_goes_on_when_rsi_has_stopped():
    class Clock:
        cycles = 0

        def advance(self, displacement_m, rotation_rad, duration_s):
            self.cycles += 1
            return PlantState(Pose.identity(), None)

    plant = Clock()
    with controller(nothing, plant, timeout_cycles=3) as (_, krc4):
        assert until(lambda: stopped(krc4))
        before = plant.cycles
        assert until(lambda: plant.cycles > before + 20)


def test_a_plant_that_fails_stops_it(caplog):
    class Broken:
        def advance(self, displacement_m, rotation_rad, duration_s):
            raise RuntimeError("physics exploded")

    with controller(rest, Broken()) as (_, krc4):
        assert until(lambda: krc4.stop_reason is not None)
        assert "physics exploded" in krc4.stop_reason


@pytest.mark.parametrize("absolute", [False, True])
def test_server_and_controller_together_move_as_asked(absolute):
    asked = []

    def on_cycle(state):
        asked.append(state.tcp_pose)
        return Twist(np.array((0.02, -0.01, 0.03)), np.array((0.05, 0.1, -0.2)))

    answered = []
    server_config = RsiServerConfig(port=0, cycle_s=0.012, absolute=absolute, realtime_priority=0)
    plant = KinematicPlant()
    with RsiServer(server_config, on_cycle, answered.append) as server:
        config = SimulatedKrc4Config(
            pc_port=server.port,
            cycle_s=0.012,
            absolute=absolute,
            hold_on=absolute,
            realtime_priority=0,
        )
        with SimulatedKrc4(config, plant) as krc4:
            assert until(lambda: len(asked) > 60)
            assert krc4.state is ControllerState.RUNNING
            late = krc4.statistics.late
    start, end = asked[0], asked[60]
    meant = start
    for record in [a for a in answered if a.twist.to_array().any()][:60]:
        meant = meant.moved(record.twist.linear * 0.012, record.twist.angular * 0.012)
    if late == 0:
        np.testing.assert_allclose(end.position, meant.position, atol=2e-6)
        assert angle_between(end.quaternion, meant.quaternion) < 1e-4
    assert np.linalg.norm(end.position - start.position) > 0.01


def test_a_pose_out_of_reach_is_refused():
    far = Pose(np.array((5.0, 0.0, 0.0)), np.array((0.0, 0.0, 0.0, 1.0)))
    with pytest.raises(ConfigurationError, match="reach"):
        KinematicPlant(base_from_tcp=far)


def test_an_address_of_another_computer_is_refused():
    config = SimulatedKrc4Config(robot_address="192.0.2.1")
    with pytest.raises(ConnectionFailedError, match="robot_address"):
        SimulatedKrc4(config, KinematicPlant()).start()


@pytest.mark.parametrize("options", [{"cycle_s": 0.0}, {"timeout_cycles": 0}, {"enable_after": 0}])
def test_configuration_is_checked(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SimulatedKrc4Config(**options)
