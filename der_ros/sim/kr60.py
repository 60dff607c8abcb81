"""Simulation model of the KUKA KR 60-3.

Geometry, position limits and speed limits are those of the data sheet; a test compares the geometry
with the driver's kinematics. KUKA gives 665 kg for the whole robot and no masses of its parts. The
masses and inertias here divide that by the size of the castings; the drive inertias are those of
1 to 6 kW servo motors behind gear ratios of 100 to 200. They affect impact forces only, not the
force of a steady push.
"""

from __future__ import annotations

import math

import numpy as np

from der_ros.geometry import Pose, quaternion_from_rotation_vector
from der_ros.sim.arm import Arm, Rod, data_sheet_axis, radians

_ORANGE = (0.93, 0.45, 0.10, 1.0)
_STEEL = (0.82, 0.83, 0.84, 1.0)
_DARK = (0.25, 0.25, 0.27, 1.0)


KR60 = Arm(
    name="kr60",
    axes=(
        data_sheet_axis(
            1,
            -185,
            185,
            128,
            origin=(0, 0, 0),
            direction=(0, 0, -1),
            mass_kg=190,
            center_of_mass=(0.10, 0, 0.62),
            inertia_kgm2=(12, 14, 12),
            drive_inertia_kgm2=40,
            visuals=(
                Rod((0, 0, 0.33), (0, 0, 0.66), 0.27, _ORANGE),
                Rod((0.35, -0.19, 0.815), (0.35, 0.19, 0.815), 0.16, _ORANGE),
                Rod((0.05, 0, 0.60), (0.35, 0, 0.815), 0.17, _ORANGE),
            ),
        ),
        data_sheet_axis(
            2,
            -135,
            35,
            102,
            origin=(0.35, 0, 0.815),
            direction=(0, 1, 0),
            mass_kg=80,
            center_of_mass=(0.38, 0, 0),
            inertia_kgm2=(1.2, 7.5, 7.5),
            drive_inertia_kgm2=40,
            visuals=(
                Rod((0, 0.10, 0), (0.85, 0.10, 0), 0.085, _ORANGE),
                Rod((0, -0.10, 0), (0.85, -0.10, 0), 0.085, _ORANGE),
            ),
        ),
        data_sheet_axis(
            3,
            -120,
            158,
            128,
            origin=(0.85, 0, 0),
            direction=(0, 1, 0),
            mass_kg=110,
            center_of_mass=(0.08, 0, 0.12),
            inertia_kgm2=(3.0, 8.0, 8.0),
            drive_inertia_kgm2=20,
            visuals=(
                Rod((0, -0.20, 0), (0, 0.20, 0), 0.14, _ORANGE),
                Rod((-0.22, 0, 0.145), (0.465, 0, 0.145), 0.13, _ORANGE),
                Rod((-0.40, 0, 0.145), (-0.22, 0, 0.145), 0.09, _DARK),
            ),
        ),
        data_sheet_axis(
            4,
            -350,
            350,
            260,
            origin=(0.465, 0, 0.145),
            direction=(-1, 0, 0),
            mass_kg=25,
            center_of_mass=(0.15, 0, 0),
            inertia_kgm2=(0.2, 0.4, 0.4),
            drive_inertia_kgm2=6,
            visuals=(Rod((0, 0, 0), (0.30, 0, 0), 0.10, _ORANGE),),
        ),
        data_sheet_axis(
            5,
            -119,
            119,
            245,
            origin=(0.355, 0, 0),
            direction=(0, 1, 0),
            mass_kg=14,
            center_of_mass=(0.04, 0, 0),
            inertia_kgm2=(0.08, 0.10, 0.10),
            drive_inertia_kgm2=6,
            visuals=(
                Rod((0, -0.10, 0), (0, 0.10, 0), 0.09, _ORANGE),
                Rod((0, 0, 0), (0.12, 0, 0), 0.08, _ORANGE),
            ),
        ),
        data_sheet_axis(
            6,
            -350,
            350,
            322,
            origin=(0, 0, 0),
            direction=(-1, 0, 0),
            mass_kg=6,
            center_of_mass=(0.16, 0, 0),
            inertia_kgm2=(0.03, 0.03, 0.03),
            drive_inertia_kgm2=4,
            visuals=(
                Rod((0.12, 0, 0), (0.17, 0, 0), 0.07, _DARK),
                # Adapter, force/torque sensor and gripper.
                Rod((0.17, 0, 0), (0.334, 0, 0), 0.045, _DARK),
                Rod((0.334, 0, 0), (0.367, 0, 0), 0.047, _STEEL),
                Rod((0.367, 0, 0), (0.45, 0, 0), 0.012, _DARK),
            ),
        ),
    ),
    # KUKA's flange frame: z along the wrist axis.
    last_from_flange=Pose(
        np.array((0.17, 0.0, 0.0)), quaternion_from_rotation_vector((0.0, 0.5 * math.pi, 0.0))
    ),
    # The two poses are those of config/deploy_kr60.yaml.
    flange_from_tcp=Pose(np.array((0.0, 0.0, 0.3)), np.array((1.0, 0.0, 0.0, 0.0))),
    base_from_task=Pose(
        np.array((1.35, 0.25, 0.75)), quaternion_from_rotation_vector((0.0, 0.0, math.pi / 6.0))
    ),
    postures_rad=(radians(-10.5, -71, 107, 0, 54, -160.5),),
    base_visuals=(
        Rod((0, 0, 0), (0, 0, 0.06), 0.36, _DARK),
        Rod((0, 0, 0.06), (0, 0, 0.33), 0.24, _DARK),
    ),
)
