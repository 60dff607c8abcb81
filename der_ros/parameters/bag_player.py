"""Parameters of ``bag_player``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting


@dataclass(frozen=True)
class PlayerParameters:
    """Playback of a bag, and comparison of the policy's actions with it."""

    bag: str = setting("", "Bag to play: the folder of a recorded attempt")
    rate: float = setting(
        1.0, "Recorded seconds that are played in a second", minimum=0.1, maximum=10.0
    )
    loop: bool = setting(False, "Begin again at the end of the bag, until the launch is ended")
    tolerance: float = setting(
        1e-5,
        "Largest allowed difference between an action, in [-1, 1], and the recorded one",
        minimum=0.0,
        maximum=2.0,
    )
    junit: str = setting("", "JUnit XML file for the result; empty: none")
    record: bool = setting(False, "Let bag_recorder record the inputs and the answers as a bag")
    publish_clock: bool = setting(
        True, "Publish the recorded time on /clock, for nodes that obey a simulated clock"
    )
