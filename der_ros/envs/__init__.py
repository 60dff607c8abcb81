"""Gymnasium environments over tasks and simulation; importing this registers them."""

from __future__ import annotations

import gymnasium

from der_ros.envs.assembly import AssemblyEnv, default_limits
from der_ros.envs.lap_joint import LapJointEnv
from der_ros.envs.peg_in_hole import PegInHoleEnv
from der_ros.envs.randomization import PRESETS, Randomization

__all__ = [
    "PRESETS",
    "AssemblyEnv",
    "LapJointEnv",
    "PegInHoleEnv",
    "Randomization",
    "default_limits",
]

gymnasium.register("der_ros/LapJoint-v0", entry_point="der_ros.envs.lap_joint:LapJointEnv")
gymnasium.register("der_ros/PegInHole-v0", entry_point="der_ros.envs.peg_in_hole:PegInHoleEnv")
