"""The arms of the studies: the settings in which the runs of a cell differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DER_ON, DER_OFF, BY_PRIORITY = "der", "no_der", "der_by_priority"
PLAIN_TD3, RLPD_SAC = "plain_td3", "rlpd_sac"


class Peer(NamedTuple):
    """A learner of Stable-Baselines3 in place of ours.

    Attributes:
        algorithm: Name of the algorithm's class.
        hidden: Units of the hidden layers; empty for the default of Stable-Baselines3.
    """

    algorithm: str
    hidden: tuple[int, ...]


PEERS: Mapping[str, Peer] = {
    "sb3_td3": Peer("TD3", ()),
    "sb3_td3_small": Peer("TD3", (128, 128)),
    "sb3_sac": Peer("SAC", ()),
    "sb3_sac_small": Peer("SAC", (128, 128)),
}


class Knobs(NamedTuple):
    """The two settings of DER that the paper leaves open.

    Attributes:
        interval: Environment steps between two insertions.
        zone: Total size of all demonstration zones in transitions.
    """

    interval: int
    zone: int

    @property
    def arm(self) -> str:
        """Name of the arm that has these settings."""
        return f"der_{self.interval}_{self.zone}"


PRESET_KNOBS = Knobs(10_000, 20_000)
"""Settings of the preset ``paper``, which the arm ``DER_ON`` has."""
INTERVALS, ZONES = (2_000, 10_000, 50_000), (4_000, 20_000, 100_000)
KNOBS: Mapping[str, Knobs] = {
    knobs.arm: knobs
    for knobs in (Knobs(interval, zone) for interval in INTERVALS for zone in ZONES)
    if knobs != PRESET_KNOBS
}
# Networks, optimiser and sampling as in the publications of TD3 and RLPD, for our own learners.
_AS_PUBLISHED: Mapping[str, object] = {
    "der": False,
    "hidden": [256, 256],
    "learning_rate": 3e-4,
    "huber": False,
    "n_step": 1,
    "alpha": 0.0,
    "updates_per_step": 1.0,
    "fold_symmetry": False,
}
OWN_PEERS: Mapping[str, Mapping[str, object]] = {
    PLAIN_TD3: {
        **_AS_PUBLISHED,
        "zone_share": None,
        "layer_norm": False,
        "noise_min": 0.1,
        "noise_max": 0.1,
        "action_dropout": 0.0,
    },
    # Half of each batch from demonstrations. RLPD's ten critics and 20 updates a step are left out.
    RLPD_SAC: {**_AS_PUBLISHED, "algorithm": "sac", "replay_structure": "all_shots_in_all"},
}
"""Well-known recipes that this package's own learners run, by the name of their arm."""
ARMS: Mapping[str, Mapping[str, object]] = {
    DER_ON: {"der": True},
    DER_OFF: {"der": False},
    # With a zone, but without a fixed share: priorities alone decide how often it is sampled.
    BY_PRIORITY: {"der": True, "zone_share": None},
    **{
        name: {"der": True, "insertion_interval": knobs.interval, "zone_size": knobs.zone}
        for name, knobs in KNOBS.items()
    },
    **OWN_PEERS,
    **{name: {} for name in PEERS},
}
"""Settings of each arm; the runs of a cell differ in nothing else but the seed."""
