"""The measured wrench and pose of an episode: bias removed, noise added, in plain numbers.

The governor reads the wrench up to 250 times a second, so this is the one place besides the
physics where vectors are tuples. The result is that of
``policy.observation.wrench_at_held_piece`` on the sensor's reading less its bias.
"""

from __future__ import annotations

import numpy as np

from der_ros.envs.randomization import Randomization
from der_ros.geometry import Pose, Wrench
from der_ros.sim.servo import Quadruple, Six, Triple
from der_ros.sim.world import AssemblyWorld

_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class SimulatedSensing:
    """What a policy and a governor get to know of a world.

    Args:
        world: to measure.
        randomization: noise and bias errors.
    """

    def __init__(self, world: AssemblyWorld, randomization: Randomization) -> None:
        self._world = world
        self._noise = randomization
        self._rng = np.random.default_rng(0)
        self._bias = _ZERO6
        self._noisy_wrench = randomization.force_noise_std_n > 0.0 or (
            randomization.torque_noise_std_nm > 0.0
        )
        self._noisy_pose = randomization.position_noise_std_m > 0.0 or (
            randomization.rotation_noise_std_rad > 0.0
        )

    def start_episode(self, rng: np.random.Generator) -> None:
        """Takes the reading at rest as the bias, plus this episode's error of it.

        Args:
            rng: for this episode's draws.
        """
        self._rng = rng
        noise = self._noise
        error = _ZERO6
        if noise.force_bias_std_n > 0.0 or noise.torque_bias_std_nm > 0.0:
            error = self._at_tcp(noise.force_bias_std_n, noise.torque_bias_std_nm)
        rest = self._world.wrench_on_tool()
        self._bias = _difference(rest, error)

    def wrench(self) -> Six:
        """A new reading, bias removed: N and Nm, task axes about the tcp."""
        reading = _difference(self._world.wrench_on_tool(), self._bias)
        if self._noisy_wrench:
            noise = self._noise
            drawn = self._at_tcp(noise.force_noise_std_n, noise.torque_noise_std_nm)
            reading = _difference(reading, drawn)
        q = self._world.held_quaternion()
        return (*_rotate(q, reading[0], reading[1], reading[2]),
                *_rotate(q, reading[3], reading[4], reading[5]))  # fmt: skip

    def measured(self, pose: Pose) -> Pose:
        """A new measurement of the held piece, whose true pose is ``pose``, task frame."""
        if not self._noisy_pose:
            return pose
        drawn = self._rng.standard_normal(6)
        return pose.moved(
            drawn[:3] * self._noise.position_noise_std_m,
            drawn[3:] * self._noise.rotation_noise_std_rad,
        )

    def _at_tcp(self, force_std: float, torque_std: float) -> Six:
        """Draws an error in the sensor's frame and returns it at the tcp, tcp axes."""
        drawn = self._rng.standard_normal(6)
        at_sensor = Wrench(drawn[:3] * force_std, drawn[3:] * torque_std)
        a, b, c, d, e, f = at_sensor.seen_from(self._world.task.tcp_from_sensor).to_array().tolist()
        return (a, b, c, d, e, f)


def _difference(a: Six, b: Six) -> Six:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4], a[5] - b[5])


def _rotate(q: Quadruple, x: float, y: float, z: float) -> Triple:
    """The vector (x, y, z) turned by a unit xyzw quaternion."""
    qx, qy, qz, qw = q
    tx, ty, tz = 2.0 * (qy * z - qz * y), 2.0 * (qz * x - qx * z), 2.0 * (qx * y - qy * x)
    return (
        x + qw * tx + qy * tz - qz * ty,
        y + qw * ty + qz * tx - qx * tz,
        z + qw * tz + qx * ty - qy * tx,
    )
