"""The parameters of ft_bridge that its parts are built from."""

from __future__ import annotations

import numpy as np

from der_ros.drivers.netft.conditioning import ConditioningConfig, FilterChoice, ForceLimits
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.drivers.netft.payload import STANDARD_GRAVITY_MPS2, Payload
from der_ros.geometry import Array, vector
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare

MAX_CUTOFF_HZ = 3150.0


def declare_conditioning(node: ShellNode, gap_s: float) -> ConditioningConfig:
    """What is done to a reading.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    signs = declare(
        node, "axis_signs", [1.0] * 6, "1 or -1 for each of fx fy fz tx ty tz, as the sensor sits"
    )
    center = declare(
        node, "payload_center_of_mass_m", [0.0] * 3, "Its centre of mass, sensor axes and origin, m"
    )
    gravity = declare(
        node, "gravity_mps2", [0.0, 0.0, -STANDARD_GRAVITY_MPS2], "Free fall, axes of world_frame"
    )
    return ConditioningConfig(
        axis_signs=vector(signs, 6, "parameter axis_signs"),
        rate_hz=declare(node, "publish_rate_hz", 500.0, "Rate of netft_data at most",
                        minimum=1.0, maximum=7000.0),
        bias_samples=declare(node, "bias_samples", 50, "Readings that a bias is the mean of",
                             minimum=1, maximum=100_000),
        low_pass=FilterChoice(
            declare(node, "filter_order", 2, "Order of the Butterworth low-pass, 1 or 2",
                    minimum=1, maximum=2),
            declare(node, "filter_cutoff_hz", 0.0, "Its cut-off, Hz; 0: no filter",
                    minimum=0.0, maximum=MAX_CUTOFF_HZ, read_only=False),
        ),
        payload=Payload(
            declare(node, "payload_mass_kg", 0.0, "What hangs on the sensor; 0: not compensated",
                    minimum=0.0, maximum=1000.0),
            vector(center, 3, "parameter payload_center_of_mass_m"),
        ),
        gravity_mps2=vector(gravity, 3, "parameter gravity_mps2"),
        gap_s=gap_s,
    )  # fmt: skip


def declare_sample_rate(node: ShellNode) -> int:
    """Rate at which readings come, Hz, where the sensor does not say it; 0: not known."""
    return declare(
        node, "sample_rate_hz", 0, "Rate at which readings come, for the filter, Hz: with "
        "counts_per_force or source=topic; else the box says it", minimum=0, maximum=7000,
    )  # fmt: skip


def declare_limits(node: ShellNode) -> tuple[ForceLimits, ForceLimits]:
    """What ``cancel`` is said on: limits without a bias, and with one."""
    return (
        ForceLimits(
            declare(node, "max_force_n", 50.0, "cancel beyond this force, without a bias",
                    minimum=0.001, maximum=100_000.0),
            declare(node, "max_torque_nm", 5.0, "cancel beyond this torque, without a bias",
                    minimum=0.001, maximum=100_000.0),
        ),
        ForceLimits(
            declare(node, "max_force_biased_n", 10.0, "cancel beyond this force, with a bias",
                    minimum=0.001, maximum=100_000.0),
            declare(node, "max_torque_biased_nm", 0.8, "cancel beyond this torque, with a bias",
                    minimum=0.001, maximum=100_000.0),
        ),
    )  # fmt: skip


def declare_dead_band(node: ShellNode) -> Array:
    """Widths, N and Nm, of the dead-band of the transformed topics; at least 0.

    Raises:
        ConfigurationError: no six finite numbers.
    """
    widths = declare(
        node, "dead_band", [0.0] * 6,
        "Of transformed_world and transformed_tool: fx fy fz (N) tx ty tz (Nm) within become 0",
    )  # fmt: skip
    return np.abs(vector(widths, 6, "parameter dead_band"))


def declare_client(node: ShellNode, stale_after_s: float, sample_rate_hz: int) -> NetFtConfig:
    """The parameters of the Net F/T client.

    Args:
        node: whose parameters these are.
        stale_after_s: a silence that makes the stream stale.
        sample_rate_hz: at which a box sends that is not asked over HTTP.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    return NetFtConfig(
        sensor_ip=declare(node, "sensor_ip", "192.168.1.1", "The box's address"),
        rdt_port=declare(node, "rdt_port", 49152, "The box's RDT port (UDP)",
                         minimum=1, maximum=65535),
        http_port=declare(node, "http_port", 80, "The box's HTTP port, for netftapi2.xml",
                          minimum=1, maximum=65535),
        rate_hz=declare(node, "rdt_rate_hz", 0, "RDT rate to ask for; 0 leaves the box's own",
                        minimum=0, maximum=7000),
        user_filter=declare(node, "box_filter", -1, "Number of the box's own filter to ask "
                            "for, see its manual; -1 leaves the box's own",
                            minimum=-1, maximum=12),
        buffered=declare(node, "buffered", False, "Several records a packet"),
        configuration=_declare_scale(node, sample_rate_hz),
        stale_after_s=stale_after_s,
        recheck_s=declare(node, "recheck_s", 5.0, "Between looks at the box's units while it "
                          "streams; 0: never", minimum=0.0, maximum=3600.0),
        recheck_periods=declare(
            node, "recheck_periods", 3,
            "Without a look that succeeds for so many recheck_s the sensor is not ready; 0: it is",
            minimum=0, maximum=10_000,
        ),
        http_timeout_s=declare(node, "http_timeout_s", 2.0, "For one whole answer of the box's "
                               "page", minimum=0.05, maximum=60.0),
    )  # fmt: skip


def _declare_scale(node: ShellNode, sample_rate_hz: int) -> SensorConfiguration | None:
    """The scale, where the box is not to be asked.

    Raises:
        ConfigurationError: an unknown unit.
    """
    cpf = declare(node, "counts_per_force", 0.0, "Counts per force_unit; 0: ask the box over HTTP",
                  minimum=0.0, maximum=1e12)  # fmt: skip
    cpt = declare(node, "counts_per_torque", 0.0, "Counts per torque_unit; 0: ask the box",
                  minimum=0.0, maximum=1e12)  # fmt: skip
    force_unit = declare(
        node, "force_unit", "N", "With counts_per_force: N kN lbf lb klbf kgf kg gf g"
    )
    torque_unit = declare(
        node, "torque_unit", "Nm", "With counts_per_torque: Nm Nmm kNm lbf-in lbf-ft kg-cm"
    )
    product = declare(
        node, "product_name", "", "With counts_per_force: decides how status words are read; Axia"
    )
    if cpf == 0.0 and cpt == 0.0:
        return None
    return SensorConfiguration(
        cpf, cpt, force_unit, torque_unit, rdt_rate_hz=sample_rate_hz, product_name=product
    )
