from __future__ import annotations

import math

import pytest

from der_ros.errors import ConfigurationError
from der_ros.sim.servo import CartesianServo, ServoConfig

DT = 0.004
REST = (0.0, 0.0, 0.0)
CONFIG = ServoConfig(
    stiffness_n_per_m=1e4,
    stiffness_nm_per_rad=1e3,
    damping_ratio=0.5,
    effective_mass_kg=25.0,
    effective_inertia_kgm2=2.5,
    force_limit_n=100.0,
    torque_limit_nm=10.0,
)


def test_one_step_is_spring_plus_damper_by_hand():
    servo = CartesianServo(CONFIG, DT)
    force, torque = servo.pull((0.01, 0, 0, 0, 0, 0.02), REST, REST)
    # c = 2 * 0.5 * sqrt(1e4 * 25) = 500 Ns/m and 2 * 0.5 * sqrt(1e3 * 2.5) = 50 Nms/rad.
    assert force == pytest.approx((500.0 * 0.01, 0, 0))
    assert torque == pytest.approx((0, 0, 50.0 * 0.02))
    # Now the setpoint is one step ahead of the tool, which did not move.
    force, torque = servo.pull((0.0,) * 6, REST, REST)
    assert force == pytest.approx((1e4 * 0.01 * DT, 0, 0))
    assert torque == pytest.approx((0, 0, 1e3 * 0.02 * DT))


def test_the_spring_pulls_a_free_tool_back():
    servo = CartesianServo(CONFIG, DT)
    force, torque = servo.pull((0,) * 6, (0.0, 0.02, 0.0), (0.1, 0.0, 0.0))
    assert force[1] == pytest.approx(-(1e4 * 0.02 * DT + 500.0 * 0.02))
    assert torque[0] == pytest.approx(-(1e3 * 0.1 * DT + 50.0 * 0.1))


def test_pressing_on_a_wall_builds_force_to_the_limit():
    servo = CartesianServo(CONFIG, DT)
    forces = [servo.pull((0, 0, -0.01, 0, 0, 0), REST, REST)[0][2] for _ in range(400)]
    assert (forces[10] - forces[9]) / DT == pytest.approx(-1e4 * 0.01)
    assert forces[-1] == pytest.approx(-100.0)
    assert min(forces) >= -100.0 - 1e-9


def test_the_setpoint_does_not_run_ahead_of_the_spring():
    servo = CartesianServo(CONFIG, DT)
    for _ in range(10_000):
        servo.pull((0.05, 0, 0, 0, 0, 0.05), REST, REST)
    lead = (100.0 / 1e4 + 0.05 * DT, 0, 0, 0, 0, 10.0 / 1e3 + 0.05 * DT)
    assert servo.stretch == pytest.approx(lead)
    # After a reversal the force therefore ends once the lead is undone, not minutes later.
    steps = 0
    while servo.pull((-0.05, 0, 0, 0, 0, 0), REST, REST)[0][0] > 0.0:
        steps += 1
    assert steps * DT < 0.01 / 0.05


def test_limits_keep_the_direction():
    force, torque = CartesianServo(CONFIG, DT).pull((3, 4, 0, 0, 6, 8), REST, REST)
    assert force == pytest.approx((60, 80, 0))
    assert torque == pytest.approx((0, 6, 8))


@pytest.mark.parametrize("field", ["stiffness_n_per_m", "damping_ratio", "force_limit_n"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "stiff"])
def test_unphysical_numbers_are_refused(field, value):
    with pytest.raises(ConfigurationError, match=field):
        ServoConfig(**{field: value})


def test_a_servo_too_stiff_for_the_step_is_refused():
    with pytest.raises(ConfigurationError, match="lower it or the physics step"):
        CartesianServo(ServoConfig(stiffness_n_per_m=1e7), DT)
    with pytest.raises(ConfigurationError, match="stiffness_nm_per_rad"):
        CartesianServo(ServoConfig(stiffness_nm_per_rad=1e6), DT)


def test_presets_fit_the_usual_step():
    for config in (ServoConfig.kr60(), ServoConfig.soft()):
        config.require_stable(DT)
    assert ServoConfig.kr60().stiffness_n_per_m == 10 * ServoConfig.soft().stiffness_n_per_m
    assert ServoConfig.kr60().bandwidth_hz == pytest.approx(11.25, rel=0.01)
