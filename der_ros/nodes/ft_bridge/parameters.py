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
        gap_s: Gap between readings after which filter and bias start anew, s.

    Raises:
        ConfigurationError: A value is invalid.
    """
    parameters = declare_settings(node, ConditioningParameters)
    center = vector(parameters.payload_center_of_mass_m, 3, "parameter payload_center_of_mass_m")
    return ConditioningConfig(
        axis_signs=vector(parameters.axis_signs, 6, "parameter axis_signs"),
        rate_hz=parameters.publish_rate_hz,
        bias_samples=parameters.bias_samples,
        low_pass=FilterChoice(parameters.filter_order, parameters.filter_cutoff_hz),
        payload=Payload(parameters.payload_mass_kg, center),
        gravity_mps2=vector(parameters.gravity_mps2, 3, "parameter gravity_mps2"),
        gap_s=gap_s,
    )


def declare_limits(node: ShellNode) -> tuple[ForceLimits, ForceLimits, Array]:
    """Declare the limits of ``cancel`` and the dead band of the transformed topics.

    Returns:
        The limits without a bias, the limits with a bias, and the dead band (6,), N and Nm.

    Raises:
        ConfigurationError: A value is invalid.
    """
    parameters = declare_settings(node, CancelParameters)
    return (
        ForceLimits(parameters.max_force_n, parameters.max_torque_nm),
        ForceLimits(parameters.max_force_biased_n, parameters.max_torque_biased_nm),
        np.abs(vector(parameters.dead_band, 6, "parameter dead_band")),
    )


def declare_client(node: ShellNode, parameters: FtBridgeParameters) -> NetFtConfig:
    """Declare the parameters of the Net F/T client.

    Args:
        node: Node that declares the parameters.
        parameters: Parameters declared before.

    Raises:
        ConfigurationError: A value is invalid.
    """
    scale = _declare_scale(node, parameters.sample_rate_hz)
    return declare_settings(
        node, NetFtConfig, configuration=scale, stale_after_s=parameters.stale_after_s
    )


def _declare_scale(node: ShellNode, sample_rate_hz: int) -> SensorConfiguration | None:
    """Declare the counts per unit; return None if the box is asked over HTTP instead.

    Raises:
        ConfigurationError: A unit is unknown.
    """
    scale = declare_settings(node, ScaleParameters)
    if scale.counts_per_force == 0.0 and scale.counts_per_torque == 0.0:
        return None
    return SensorConfiguration(
        scale.counts_per_force,
        scale.counts_per_torque,
        scale.force_unit,
        scale.torque_unit,
        rdt_rate_hz=sample_rate_hz,
        product_name=scale.product_name,
    )
