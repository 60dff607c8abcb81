"""Ground piece on a massless spring and damper, which represents the cell's compliance.

With ``x`` the displacement of the ground piece, ``v`` its velocity, k the stiffness, tau the
damping time and h the physics step, the force that the held piece exerts on it is

    F = k (x + tau v' + h (v' - v) / 4),     x' = x + h v'

The last term is the implicit quarter of Newmark's rule: it conserves the energy of an impact and
keeps an untouched piece still. The engine solves this together with all contacts and their
friction, for any number of contact points: a free body of mass ``M = k h (tau + h / 4)`` with the
initial velocity ``v* = (h v / 4 - x) / (tau + h / 4)`` has exactly that velocity v' after the
impulse ``F h``. In an impact it acts as a mass of ``k h^2 / 4``, which must be small compared with
the arm's mass.
"""

from __future__ import annotations

import numpy as np
import pybullet

from der_ros.geometry import Pose
from der_ros.rotation import ZERO3, ZERO6, Quadruple, Six, Triple, product
from der_ros.sim.compliance import Compliance
from der_ros.sim.units import PER_KG, PER_KGM2, PER_M, scaled

_QUARTER = 0.25


class CompliantGround:
    """Compliantly held ground piece of a world; call ``relax`` before each physics step.

    Args:
        client: PyBullet client id.
        dt_s: Physics step, s.
        gravity_m_per_s2: Gravity of the world, m/s^2; compensated for this piece.
    """

    def __init__(self, client: int, dt_s: float, gravity_m_per_s2: float) -> None:
        self._client, self._dt = client, dt_s
        self._lift = PER_M * gravity_m_per_s2 * dt_s
        self._body = -1
        self._rate = 0.0  # 0: rigid
        self._origin: Triple = ZERO3
        self._twice_back: Quadruple = (0.0, 0.0, 0.0, 2.0)
        self._before: Six = ZERO6

    def hold(self, body: int, compliance: Compliance | None) -> None:
        """Attach a body to the spring and fix the previous one.

        Args:
            body: PyBullet body number.
            compliance: Spring and damper; None for rigid.
        """
        if self._body not in (-1, body):
            self._set_mass(self._body, 0.0, 0.0)
        self._body, self._rate = body, 0.0
        if compliance is None:
            self._set_mass(body, 0.0, 0.0)
            return
        time_s = compliance.damping_time_s + _QUARTER * self._dt
        self._rate = 1.0 / time_s
        inertia = self._dt * time_s
        self._set_mass(
            body, inertia * compliance.stiffness_n_per_m, inertia * compliance.stiffness_nm_per_rad
        )

    def place(self, pose: Pose, displacement: Six = ZERO6, before: Six = ZERO6) -> None:
        """Place the piece with a given displacement.

        Args:
            pose: Rest pose, task frame.
            displacement: Displacement from the rest pose: three m, three rad, task axes.
            before: Displacement one step earlier, in the same units and axes.
        """
        x, y, z = scaled(pose.position.tolist())
        a, b, c, w = pose.quaternion.tolist()
        self._origin, self._twice_back = (x, y, z), (-2.0 * a, -2.0 * b, -2.0 * c, 2.0 * w)
        self._before = _times(PER_M, before)
        if any(displacement):
            moved = np.array(displacement)
            pose = pose.moved(moved[:3], moved[3:])
        pybullet.resetBasePositionAndOrientation(
            self._body, scaled(pose.position), pose.quaternion, physicsClientId=self._client
        )

    @property
    def displacement(self) -> Six:
        """Current displacement from the rest pose: three m, three rad, task axes."""
        return _times(1.0 / PER_M, self._displacement()) if self._rate else ZERO6

    @property
    def before(self) -> Six:
        """Displacement one step earlier: three m, three rad, task axes."""
        return _times(1.0 / PER_M, self._before)

    def relax(self) -> None:
        """Set the initial velocity v* of this step; see the module."""
        rate = self._rate
        if not rate:
            return
        # ``_displacement`` inlined: this runs in every physics step.
        (x, y, z), (i, j, k, w) = pybullet.getBasePositionAndOrientation(self._body, self._client)
        u, v, t = self._origin
        p, q, r, s = self._twice_back
        x, y, z = x - u, y - v, z - t
        a = w * p + i * s + j * r - k * q
        b = w * q - i * r + j * s + k * p
        c = w * r + i * q - j * p + k * s
        if w * s < i * p + j * q + k * r:  # the engine's quaternion may have either sign
            a, b, c = -a, -b, -c
        ux, uy, uz, ua, ub, uc = self._before
        self._before = x, y, z, a, b, c
        kept = rate * (_QUARTER - 1.0)
        lost = rate * _QUARTER
        pybullet.resetBaseVelocity(
            self._body,
            (kept * x - lost * ux, kept * y - lost * uy, kept * z - lost * uz + self._lift),
            (kept * a - lost * ua, kept * b - lost * ub, kept * c - lost * uc),
            self._client,
        )

    def _displacement(self) -> Six:
        """Return the displacement in the engine's units."""
        (x, y, z), quaternion = pybullet.getBasePositionAndOrientation(self._body, self._client)
        u, v, w = self._origin
        a, b, c, real = product(quaternion, self._twice_back)
        sign = 1.0 if real >= 0.0 else -1.0
        return (x - u, y - v, z - w, sign * a, sign * b, sign * c)

    def _set_mass(self, body: int, mass_kg: float, inertia_kgm2: float) -> None:
        """Set a body's mass and inertia; 0 fixes it."""
        moment = PER_KGM2 * inertia_kgm2
        pybullet.changeDynamics(
            body,
            -1,
            mass=PER_KG * mass_kg,
            localInertiaDiagonal=(moment, moment, moment),
            linearDamping=0.0,
            angularDamping=0.0,
            activationState=pybullet.ACTIVATION_STATE_DISABLE_SLEEPING,
            physicsClientId=self._client,
        )


def _times(factor: float, six: Six) -> Six:
    """Multiply the translation by a factor and keep the rotation."""
    x, y, z, a, b, c = six
    return (factor * x, factor * y, factor * z, a, b, c)
