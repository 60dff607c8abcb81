"""Types of the replay's arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
"""Observations, actions, returns and weights."""
FloatArray = NDArray[np.float64]
"""TD errors and priorities."""
IndexArray = NDArray[np.int64]
"""Slots of a shard."""
