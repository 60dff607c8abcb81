"""Units, derived from the suffixes of parameter and field names."""

from __future__ import annotations

import re

UNITS = {
    "bytes": "bytes",
    "deg": "deg",
    "gb": "GB",
    "hz": "Hz",
    "kg": "kg",
    "kgm2": "kg m²",
    "m": "m",
    "m_per_n": "m/N",
    "mb": "MB",
    "minutes": "min",
    "mm": "mm",
    "mps": "m/s",
    "mps2": "m/s²",
    "mps_per_n": "m/s per N",
    "ms": "ms",
    "n": "N",
    "nm": "Nm",
    "per_s": "1/s",
    "rad": "rad",
    "radps": "rad/s",
    "radps2": "rad/s²",
    "radps_per_nm": "rad/s per Nm",
    "s": "s",
    "s2": "s²",
}
# Numbers without a unit in the name: ratios, poses, and lists with several units.
WITHOUT_SUFFIX = {
    "axis_signs": "none, 1 or -1",
    "counts_per_force": "counts per `force_unit`",
    "counts_per_torque": "counts per `torque_unit`",
    "damped_below": "none, a singular value",
    "dead_band": "N, N, N, Nm, Nm, Nm",
    "flange_from_tcp": "m, m, m, and a quaternion x, y, z, w",
    "joint_speed_share": "none, a share",
    "largest_damping": "none",
    "rate": "none, recorded seconds in a second",
    "spare_gain": "none, a share",
    "task_frame": "m, m, m, and a quaternion x, y, z, w",
    "tcp_from_sensor": "m, m, m, and a quaternion x, y, z, w",
    "tolerance": "none, of [-1, 1]",
    "world_from_sensor": "none, a quaternion x, y, z, w",
}


def unit_of(name: str) -> str | None:
    """Return the unit of a number by its name; None if the name has no known suffix."""
    if name in WITHOUT_SUFFIX:
        return WITHOUT_SUFFIX[name]
    suffixes = re.findall(r"(?<=_)(?=(\w+)$)", name)
    tails = [name.split("_", number)[-1] for number in range(1, name.count("_") + 1)]
    return next((UNITS[tail] for tail in [*tails, *suffixes] if tail in UNITS), None)
