"""The iiwa for the tests of the arm driver, read from a URDF as on a robot."""

from der_ros.drivers.arm.differential import DifferentialConfig, DifferentialKinematics
from der_ros.drivers.arm.links import renamed
from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.sim.arm_urdf import arm_urdf
from der_ros.sim.iiwa import IIWA

NAMES = [f"lbr_A{number}" for number in range(1, 8)]
URDF = renamed(arm_urdf(IIWA), "lbr_link_0", NAMES, "lbr_link_ee")
POSTURE = IIWA.postures_rad[0]


def iiwa():
    """Return the chain from the base link to the held piece."""
    return chain_from_urdf(URDF, "lbr_link_0", "lbr_link_ee").extended(IIWA.flange_from_tcp)


def kinematics(**config):
    return DifferentialKinematics(iiwa(), DifferentialConfig(**config))
