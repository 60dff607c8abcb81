"""Parameters of ``ft_bridge`` besides those that its driver declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from der_ros.control.frame_names import BASE_FRAME, SENSOR_FRAME
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2
from der_ros.settings import setting

MAX_CUTOFF_HZ = 3150.0

Three: TypeAlias = tuple[float, float, float]
Six: TypeAlias = tuple[float, float, float, float, float, float]

_ZERO3: Three = (0.0, 0.0, 0.0)
_ZERO6: Six = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class FtBridgeParameters:
    """Wrench source, its frame, and checks for stale or frozen readings."""

    source: str = setting(
        "netft",
        "Source of wrenches: netft, an ATI Net F/T box; topic, another driver's topic",
        choices=("netft", "topic"),
    )
    frame_id: str = setting(SENSOR_FRAME, "frame_id of netft_data")
    stale_after_s: float = setting(
        0.1, "Time without a reading after which the sensor is not ready", "s", 0.005, 1.0
    )
    bias_in_box: bool = setting(
        False, "True: ft_bridge/bias and bias set the bias in the box; false: in this node"
    )
    frozen_after_s: float = setting(
        0.0,
        "Time after which readings that stay equal to the last count are no longer published; "
        "0: always published",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    min_box_filter_hz: float = setting(
        0.0,
        "Lowest allowed cut-off of the box's low-pass filter; below it no reading is used; 0: any",
        unit="Hz",
        minimum=0.0,
        maximum=3000.0,
    )
    publish_wire: bool = setting(
        False,
        "Publish the box's records as netft_wire, for a replay through the driver "
        "(replay_bag --from wire)",
    )
    input_topic: str = setting("wrench", "WrenchStamped topic to read with source=topic")
    input_frame_id: str = setting(
        "",
        "Required frame_id of wrenches on input_topic, the sensor's own; empty: an empty one or "
        "the value of frame_id",
    )
    orientation_topic: str = setting("kuka/tcp_pose", "PoseStamped of the tool in world_frame")
    sample_rate_hz: int = setting(
        0,
        "Rate of the readings, for the filter; needed with counts_per_force or source=topic, else "
        "read from the box; 0: not known",
        unit="Hz",
        minimum=0,
        maximum=7000,
    )


@dataclass(frozen=True)
class ConditioningParameters:
    """Axis signs, filter, bias and payload compensation of the readings."""

    axis_signs: Six = setting(
        (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        "Sign, 1 or -1, of each of fx fy fz tx ty tz, by the mounting of the sensor",
    )
    publish_rate_hz: float = setting(500.0, "Highest rate of netft_data", "Hz", 1.0, 7000.0)
    bias_samples: int = setting(
        50, "Number of readings whose mean is a bias", minimum=1, maximum=100_000
    )
    filter_order: int = setting(2, "Order of the Butterworth low-pass", minimum=1, maximum=2)
    filter_cutoff_hz: float = setting(
        0.0, "Cut-off of the low-pass; 0: no filter", "Hz", 0.0, MAX_CUTOFF_HZ, tunable=True
    )
    payload_mass_kg: float = setting(
        0.0, "Mass that hangs on the sensor; 0: not compensated", "kg", 0.0, 1000.0
    )
    payload_center_of_mass_m: Three = setting(
        _ZERO3, "Centre of mass of the payload, sensor axes and origin", "m"
    )
    gravity_mps2: Three = setting(
        (0.0, 0.0, -STANDARD_GRAVITY_MPS2),
        "Acceleration of free fall in the axes of world_frame",
        "m/s2",
    )


@dataclass(frozen=True)
class ScaleParameters:
    """Counts per unit of a box, for use without its HTTP configuration page."""

    counts_per_force: float = setting(
        0.0, "Counts per force_unit; 0: ask the box over HTTP", minimum=0.0, maximum=1e12
    )
    counts_per_torque: float = setting(
        0.0, "Counts per torque_unit; 0: ask the box over HTTP", minimum=0.0, maximum=1e12
    )
    force_unit: str = setting("N", "With counts_per_force: N kN lbf lb klbf kgf kg gf g")
    torque_unit: str = setting("Nm", "With counts_per_torque: Nm Nmm kNm lbf-in lbf-ft kg-cm")
    product_name: str = setting(
        "",
        "With counts_per_force: product name of the box, which selects its status bits; an Axia's "
        "if the name contains Axia",
    )


@dataclass(frozen=True)
class CancelParameters:
    """Limits above which ``cancel`` is true, and the dead band of the transformed topics."""

    max_force_n: float = setting(
        50.0, "Force beyond which cancel is true, without a bias", "N", 0.001, 1e5
    )
    max_torque_nm: float = setting(
        5.0, "Torque beyond which cancel is true, without a bias", "Nm", 0.001, 1e5
    )
    max_force_biased_n: float = setting(
        10.0, "Force beyond which cancel is true, with a bias", "N", 0.001, 1e5
    )
    max_torque_biased_nm: float = setting(
        0.8, "Torque beyond which cancel is true, with a bias", "Nm", 0.001, 1e5
    )
    dead_band: Six = setting(
        _ZERO6,
        "Widths of fx fy fz (N) tx ty tz (Nm) within which a value of transformed_world and "
        "transformed_tool becomes 0",
    )


@dataclass(frozen=True)
class BiasParameters:
    """Largest force and torque at which a bias is accepted."""

    bias_max_force_n: float = setting(
        10.0, "Force since the last bias above which a bias is refused; 0: never", "N", 0.0, 1e5
    )
    bias_max_torque_nm: float = setting(
        2.0, "Torque since the last bias above which a bias is refused; 0: never", "Nm", 0.0, 1e4
    )
    first_bias_max_force_n: float = setting(
        300.0, "Force above which the first bias is refused; 0: never", "N", 0.0, 1e5
    )
    first_bias_max_torque_nm: float = setting(
        15.0, "Torque above which the first bias is refused; 0: never", "Nm", 0.0, 1e4
    )


@dataclass(frozen=True)
class OrientationParameters:
    """Source of the sensor's orientation in the world frame."""

    orientation_source: str = setting(
        "topic",
        "Source of the sensor's orientation in the world",
        choices=("topic", "fixed", "none"),
    )
    orientation_timeout_s: float = setting(0.2, "Age at which a pose is stale", "s", 0.001, 60.0)
    world_frame: str = setting(
        BASE_FRAME, "Frame of raw_world, transformed_world and the poses; by default base_frame"
    )
    world_from_sensor: tuple[float, float, float, float] = setting(
        (0.0, 0.0, 0.0, 1.0),
        "With orientation_source=fixed: the sensor's axes in the world, quaternion x, y, z, w",
    )
