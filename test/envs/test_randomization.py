from __future__ import annotations

import math
from dataclasses import fields

import pytest

from der_ros.envs.randomization import PRESETS, Randomization, resolve_randomization
from der_ros.errors import ConfigurationError


def test_the_papers_preset_is_the_released_one():
    assert PRESETS["paper"] == Randomization(
        force_noise_std_n=0.5,
        torque_noise_std_nm=0.05,
        force_bias_std_n=2.0,
        torque_bias_std_nm=0.2,
        position_noise_std_m=0.001,
        rotation_noise_std_rad=0.001,
        action_noise_std=0.001,
        friction_std=0.1,
    )


def test_nothing_is_randomised_unless_asked():
    assert resolve_randomization("none") == Randomization()


def test_one_can_bring_ones_own():
    own = Randomization(friction_std=0.3)
    assert resolve_randomization(own) is own


def test_an_unknown_preset_is_refused():
    with pytest.raises(ConfigurationError, match=r"none, paper, deploy.*got 'wild'"):
        resolve_randomization("wild")


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "much"])
def test_a_spread_that_is_none_is_refused(value):
    with pytest.raises(ConfigurationError, match="friction_std: expected 0 or more"):
        Randomization(friction_std=value)


@pytest.mark.parametrize("name", ["stiffness_spread", "held_mass_spread", "wrench_latency_max_s"])
def test_a_spread_beyond_its_limit_is_refused(name):
    with pytest.raises(ConfigurationError, match=rf"{name}: expected 0 to 0\.\d, got 1.5"):
        Randomization(**{name: 1.5})


@pytest.mark.parametrize("choice", [None, 3, ["paper"]])
def test_a_wrong_type_of_randomization_is_refused(choice):
    with pytest.raises(ConfigurationError, match="randomization: expected one of none"):
        resolve_randomization(choice)


def switches_off(preset):
    return {f.name for f in fields(Randomization) if not getattr(PRESETS[preset], f.name)}


# Switches for differences that a measured cell does not have.
WIDER = {
    "friction_ratio",
    "compliance_spread",
    "ground_position_spread_m",
    "ground_yaw_spread_rad",
    "severity_spread",
    "force_budget_max_ratio",
}


def test_deploy_has_every_switch_of_a_cell_on():
    assert switches_off("deploy") == WIDER


def test_wide_has_every_switch_on():
    # Wide draws friction as a ratio, with friction_ratio.
    assert switches_off("wide") == {"friction_std"}
