"""Model of the KUKA LBR iiwa 14 R820.

Link lengths, masses and inertias are those of the model that PyBullet ships (a test compares them);
position and speed limits are those of the data sheet. The drive inertias were identified on the
LWR, the iiwa's predecessor (Jubien, Gautier, Janot 2014, "Dynamic identification of the Kuka LWR
robot using motor torques and joint torque sensors data").
"""

from __future__ import annotations

import math

import numpy as np

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.sim.arm import Arm, Rod, data_sheet_axis, radians

_GREY = (0.82, 0.83, 0.84, 1.0)
_DARK = (0.25, 0.25, 0.27, 1.0)
_RING = (0.95, 0.50, 0.12, 1.0)
# The arm is redundant: with the tool held still, the elbow can swing about the line from shoulder
# to wrist. This damping of A3, as large as the physics step allows, suppresses the swing; the other
# six axes still move the tool.
_ELBOW_DAMPING_NMS = 100.0


IIWA = Arm(
    name="iiwa",
    axes=(
        data_sheet_axis(
            1,
            -170,
            170,
            85,
            origin=(0, 0, 0.1575),
            direction=(0, 0, 1),
            mass_kg=4.0,
            center_of_mass=(0, -0.03, 0.12),
            inertia_kgm2=(0.1, 0.09, 0.02),
            drive_inertia_kgm2=3.19,
            visuals=(Rod((0, 0, 0), (0, 0, 0.2025), 0.068, _GREY),),
        ),
        data_sheet_axis(
            2,
            -120,
            120,
            85,
            origin=(0, 0, 0.2025),
            direction=(0, 1, 0),
            mass_kg=4.0,
            center_of_mass=(0, 0.042, 0.059),
            inertia_kgm2=(0.05, 0.044, 0.018),
            drive_inertia_kgm2=3.05,
            visuals=(
                Rod((0, -0.07, 0), (0, 0.09, 0), 0.072, _GREY),
                Rod((0, 0, 0), (0, 0, 0.2045), 0.066, _GREY),
            ),
        ),
        data_sheet_axis(
            3,
            -170,
            170,
            100,
            origin=(0, 0, 0.2045),
            direction=(0, 0, 1),
            mass_kg=3.0,
            center_of_mass=(0, 0.03, 0.13),
            inertia_kgm2=(0.08, 0.075, 0.01),
            drive_inertia_kgm2=1.98,
            damping_nms=_ELBOW_DAMPING_NMS,
            visuals=(
                Rod((0, 0, -0.004), (0, 0, 0.006), 0.068, _RING),
                Rod((0, 0, 0.006), (0, 0, 0.2155), 0.065, _GREY),
            ),
        ),
        data_sheet_axis(
            4,
            -120,
            120,
            75,
            origin=(0, 0, 0.2155),
            direction=(0, -1, 0),
            mass_kg=2.7,
            center_of_mass=(0, -0.034, 0.067),
            inertia_kgm2=(0.03, 0.029, 0.01),
            drive_inertia_kgm2=2.05,
            visuals=(
                Rod((0, -0.09, 0), (0, 0.065, 0), 0.068, _GREY),
                Rod((0, 0, 0), (0, 0, 0.1845), 0.062, _GREY),
            ),
        ),
        data_sheet_axis(
            5,
            -170,
            170,
            130,
            origin=(0, 0, 0.1845),
            direction=(0, 0, 1),
            mass_kg=1.7,
            center_of_mass=(0, -0.021, 0.076),
            inertia_kgm2=(0.02, 0.018, 0.005),
            drive_inertia_kgm2=0.787,
            visuals=(
                Rod((0, 0, -0.004), (0, 0, 0.006), 0.064, _RING),
                Rod((0, 0, 0.006), (0, 0, 0.13), 0.060, _GREY),
                Rod((0, -0.05, 0.10), (0, 0, 0.2155), 0.045, _GREY),
            ),
        ),
        data_sheet_axis(
            6,
            -120,
            120,
            135,
            origin=(0, 0, 0.2155),
            direction=(0, 1, 0),
            mass_kg=1.8,
            center_of_mass=(0, 0.0004, 0.0006),
            inertia_kgm2=(0.005, 0.0047, 0.0036),
            drive_inertia_kgm2=0.391,
            visuals=(Rod((0, -0.075, 0), (0, 0.075, 0), 0.060, _GREY),),
        ),
        data_sheet_axis(
            7,
            -175,
            175,
            135,
            origin=(0, 0, 0.081),
            direction=(0, 0, 1),
            mass_kg=0.3,
            center_of_mass=(0, 0, 0.02),
            inertia_kgm2=(0.001, 0.001, 0.001),
            drive_inertia_kgm2=0.394,
            visuals=(
                Rod((0, 0, -0.04), (0, 0, 0.045), 0.045, _GREY),
                # Adapter, force/torque sensor and gripper.
                Rod((0, 0, 0.045), (0, 0, 0.109), 0.035, _DARK),
                Rod((0, 0, 0.109), (0, 0, 0.142), 0.047, _GREY),
                Rod((0, 0, 0.142), (0, 0, 0.225), 0.012, _DARK),
            ),
        ),
    ),
    last_from_flange=Pose(np.array((0.0, 0.0, 0.045)), np.array((0.0, 0.0, 0.0, 1.0))),
    flange_from_tcp=Pose(np.array((0.0, 0.0, 0.2)), np.array((1.0, 0.0, 0.0, 0.0))),
    # The task lies beside the robot, so A1 can be at +90 or -90 degrees. The two postures look the
    # same and differ by half a turn of A7: with both, A7 keeps 85 degrees of travel at any yaw.
    base_from_task=Pose(
        np.array((0.0, 0.62, 0.1)), quaternion_from_rotation_vector((0.0, 0.0, -0.5 * math.pi))
    ),
    postures_rad=(
        radians(90, 40, 0, -100, 0, 40, 0),
        radians(-90, -40, 0, 100, 0, -40, 180),
    ),
    spare_axis=2,
    base_visuals=(
        Rod((0, 0, 0), (0, 0, 0.03), 0.11, _GREY),
        Rod((0, 0, 0.03), (0, 0, 0.1575), 0.085, _GREY),
    ),
)
