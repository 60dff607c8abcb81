"""Configuration records of ``ft_bridge``, made from its parameters."""

from __future__ import annotations

import numpy as np

from der_ros.drivers.netft.conditioning import ConditioningConfig, FilterChoice, ForceLimits
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.drivers.netft.payload import Payload
from der_ros.geometry import Array, vector
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.parameters.ft_bridge import (
    CancelParameters,
    ConditioningParameters,
    FtBridgeParameters,
    ScaleParameters,
)


def declare_conditioning(node: ShellNode, gap_s: float) -> ConditioningConfig:
    """Declare the parameters of axis signs, filter, bias and payload.

    Args:
        node: Node that declares the parameters.
        gap_s: Gap between readings after which the filter restarts, s.

    Raises:
        ConfigurationError: A value is invalid.
    """
    given = declare_settings(node, ConditioningParameters)
    center = vector(given.payload_center_of_mass_m, 3, "parameter payload_center_of_mass_m")
    return ConditioningConfig(
        axis_signs=vector(given.axis_signs, 6, "parameter axis_signs"),
        rate_hz=given.publish_rate_hz,
        bias_samples=given.bias_samples,
        low_pass=FilterChoice(given.filter_order, given.filter_cutoff_hz),
        payload=Payload(given.payload_mass_kg, center),
        gravity_mps2=vector(given.gravity_mps2, 3, "parameter gravity_mps2"),
        gap_s=gap_s,
    )


def declare_limits(node: ShellNode) -> tuple[ForceLimits, ForceLimits, Array]:
    """Declare the limits of ``cancel`` and the dead band of the transformed topics.

    Returns:
        The limits without a bias, the limits with a bias, and the dead band (6,), N and Nm.

    Raises:
        ConfigurationError: A value is invalid.
    """
    given = declare_settings(node, CancelParameters)
    return (
        ForceLimits(given.max_force_n, given.max_torque_nm),
        ForceLimits(given.max_force_biased_n, given.max_torque_biased_nm),
        np.abs(vector(given.dead_band, 6, "parameter dead_band")),
    )


def declare_client(node: ShellNode, given: FtBridgeParameters) -> NetFtConfig:
    """Declare the parameters of the Net F/T client.

    Args:
        node: Node that declares the parameters.
        given: Parameters declared before.

    Raises:
        ConfigurationError: A value is invalid.
    """
    scale = _declare_scale(node, given.sample_rate_hz)
    return declare_settings(
        node, NetFtConfig, configuration=scale, stale_after_s=given.stale_after_s
    )


def _declare_scale(node: ShellNode, sample_rate_hz: int) -> SensorConfiguration | None:
    """Declare the counts per unit; return None if the box is asked over HTTP instead.

    Raises:
        ConfigurationError: A unit is unknown.
    """
    given = declare_settings(node, ScaleParameters)
    if given.counts_per_force == 0.0 and given.counts_per_torque == 0.0:
        return None
    return SensorConfiguration(
        given.counts_per_force,
        given.counts_per_torque,
        given.force_unit,
        given.torque_unit,
        rdt_rate_hz=sample_rate_hz,
        product_name=given.product_name,
    )
