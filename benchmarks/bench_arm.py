"""Kinematics of an arm: pose and Jacobian against Pinocchio and PyBullet, and a full step.

Pinocchio is only a peer (``pip install -r requirements/benchmarks.txt``); without it, that
comparison is skipped with a message.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple

import numpy as np
import pybullet

from der_ros.drivers.arm.differential import DifferentialConfig, DifferentialKinematics
from der_ros.drivers.arm.links import renamed
from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.geometry import Twist, rotation_matrix
from der_ros.sim.arm_urdf import arm_urdf
from der_ros.sim.iiwa import IIWA
from support.report import Figure, argument_parser, call_times_us, less_is_better, percentiles, show

NAMES = [axis.name for axis in IIWA.axes]
URDF = renamed(arm_urdf(IIWA), "base", NAMES, "flange")
CALLS, POSES = 3000, 500


class Answer(NamedTuple):
    """Pose and Jacobian of the flange, computed by one library.

    Attributes:
        position: Position (3,), m, in the base.
        rotation: Rotation matrix (3, 3) from the flange to the base.
        jacobian: Jacobian (6, 7) of the flange in base axes, linear rows first.
    """

    position: np.ndarray
    rotation: np.ndarray
    jacobian: np.ndarray


class Pinocchio:
    """Pinocchio's model of the same URDF.

    Raises:
        ImportError: Pinocchio is not installed.
    """

    def __init__(self) -> None:
        self._pin: Any = importlib.import_module("pinocchio")
        self._model = self._pin.buildModelFromXML(URDF)
        self._data = self._model.createData()
        self._frame = self._model.getFrameId("flange")

    def __call__(self, angles: np.ndarray) -> Answer:
        """Return pose and Jacobian at joint angles (7,), rad."""
        pin = self._pin
        jacobian = pin.computeFrameJacobian(
            self._model, self._data, angles, self._frame, pin.LOCAL_WORLD_ALIGNED
        )
        pin.updateFramePlacement(self._model, self._data, self._frame)
        placed = self._data.oMf[self._frame]
        return Answer(placed.translation, placed.rotation, jacobian)


def accuracy(peer: Pinocchio) -> list[Figure]:
    """Return the largest differences from Pinocchio at random joint angles."""
    chain, rng = chain_from_urdf(URDF, "base", "flange"), np.random.default_rng(0)
    worst = np.zeros(3)
    for angles in rng.uniform(-3.0, 3.0, (POSES, 7)):
        ours, theirs = chain.at(angles), peer(angles)
        worst = np.maximum(
            worst,
            (
                np.abs(ours.tip.position - theirs.position).max(),
                np.abs(rotation_matrix(ours.tip.quaternion) - theirs.rotation).max(),
                np.abs(ours.jacobian - theirs.jacobian).max(),
            ),
        )
    names = ("position", "rotation", "jacobian")
    return [
        Figure(f"max_{name}_difference_from_pinocchio", float(value), "")
        for name, value in zip(names, worst, strict=True)
    ]


def step() -> list[Figure]:
    """Measure the bridge's share of a cycle: forward kinematics and the differential step."""
    chain = chain_from_urdf(URDF, "base", "flange").extended(IIWA.flange_from_tcp)
    kinematics = DifferentialKinematics(chain, DifferentialConfig())
    angles = np.array(IIWA.postures_rad[0])
    twist = Twist.from_array(np.array((0.01, 0.02, -0.005, 0.0, 0.0, 0.15)))

    def cycle() -> None:
        chain.forward(angles)
        kinematics.step(angles, twist, 0.01)

    return percentiles("cycle", call_times_us(cycle, CALLS), "us")


def race(peers: dict[str, Any]) -> list[Figure]:
    """Measure pose and Jacobian at one posture, against each peer."""
    chain, angles = chain_from_urdf(URDF, "base", "flange"), np.array(IIWA.postures_rad[0])
    ours = float(np.percentile(call_times_us(lambda: chain.at(angles), CALLS), 50))
    return [
        less_is_better(
            f"pose_and_jacobian_p50_{name}",
            ours,
            "us",
            name,
            float(np.percentile(call_times_us(lambda p=peer: p(angles), CALLS), 50)),
        )
        for name, peer in peers.items()
    ]


class Bullet:
    """PyBullet's kinematics of its own iiwa model."""

    def __init__(self) -> None:
        import pybullet_data

        self._client = pybullet.connect(pybullet.DIRECT)
        path = f"{pybullet_data.getDataPath()}/kuka_iiwa/model.urdf"
        self._body = pybullet.loadURDF(path, useFixedBase=True, physicsClientId=self._client)

    def __call__(self, angles: np.ndarray) -> None:
        """Compute pose and Jacobian at joint angles (7,), rad."""
        at, zeros = angles.tolist(), [0.0] * 7
        pybullet.resetJointStatesMultiDof(
            self._body, range(7), [[angle] for angle in at], physicsClientId=self._client
        )
        pybullet.getLinkState(self._body, 6, 0, 1, self._client)
        pybullet.calculateJacobian(self._body, 6, (0.0, 0.0, 0.0), at, zeros, zeros, self._client)


def main() -> int:
    """Run the benchmark and print its figures."""
    options = argument_parser(__doc__).parse_args()
    peers: dict[str, Any] = {"pybullet": Bullet()}
    figures = step()
    try:
        peers["pinocchio"] = Pinocchio()
        figures += accuracy(peers["pinocchio"])
    except ImportError as error:
        print(f"pinocchio is not raced: {error}", file=sys.stderr)
    show("arm", [*race(peers), *figures], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
