"""Range checks of user options."""

from __future__ import annotations

import math
from numbers import Real

from der_ros.errors import ConfigurationError


def require_range(
    value: object, name: str, *, low: float, high: float = math.inf, inclusive: bool = True
) -> None:
    """Check that ``value`` is a finite number in the range.

    Args:
        value: Value of the option.
        name: Name of the option, for the message.
        low: Lower bound.
        high: Upper bound, inclusive.
        inclusive: If True, the lower bound itself is allowed.

    Raises:
        ConfigurationError: The value is not a finite number in the range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigurationError(f"{name}: expected a number, got {value!r}")
    number = float(value)
    above = number >= low if inclusive else number > low
    if not (math.isfinite(number) and above and number <= high):
        bracket = "[" if inclusive else "("
        raise ConfigurationError(
            f"{name}: expected a finite number in {bracket}{low}, {high}], got {value!r}"
        )


def require_interval(
    value: tuple[float, float], name: str, *, limit: float, width: float = math.inf
) -> None:
    """Check the bounds of an interval.

    Args:
        value: Lower and upper bound given for the option.
        name: Name of the option, for the message.
        limit: Largest magnitude of either bound.
        width: Largest width of the interval.

    Raises:
        ConfigurationError: The value is not a pair, a bound or the width exceeds its limit, or the
            bounds are in the wrong order.
    """
    try:
        low, high = value
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}: expected a low and a high end, got {value!r}") from error
    require_range(low, f"{name}[0]", low=-limit, high=limit)
    require_range(high, f"{name}[1]", low=low, high=limit)
    if high - low > width:
        raise ConfigurationError(f"{name}: expected at most {width:g} wide, got {low} to {high}")
