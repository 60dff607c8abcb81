"""Finds what acted in a bag: a policy, by its file's checksum, or a person or a script."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from der_ros.bags.bag_replay import PolicyInfo, read_policy_info
from der_ros.bags.reader import BagReader
from der_ros.documents import numbers_of_text
from der_ros.errors import BagError, ConfigurationError, ContractError
from der_ros.offline_replay.attempt_setup import first_texts
from der_ros.offline_replay.replay_side import Scale, ScaledPolicy
from der_ros.policy.contract import PolicyContract
from der_ros.policy.file.checksum import file_hashes
from der_ros.policy.policy_topics import CONTRACT_TOPIC
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policies


class ReplayedActor(NamedTuple):
    """Actor whose actions a replay uses.

    Attributes:
        policy: Policy; None if the recorded actions are used.
        scale: Function from an action to a twist.
        made_by: Kind of the actor in the bag: policy, human or scripted.
    """

    policy: OnnxPolicy | None
    scale: Scale
    made_by: str

    @property
    def actor(self) -> ScaledPolicy:
        """Policy and scale for a replay."""
        return self.policy, self.scale


def actor_of_bag(
    reader: BagReader, given: Path | None = None, as_recorded: bool = False
) -> ReplayedActor:
    """Return the actor of an open bag.

    Args:
        reader: Open reader of the bag.
        given: Policy file to use in its place; None finds the policy that acted.
        as_recorded: True uses the recorded actions, as always if a person or a script acted.

    Raises:
        BagError: The recorded actions are used, and the bag lacks the contract.
        ConfigurationError: The bag names no policy, or its file is not on this computer.
        ContractError: The policy cannot be used.
    """
    info = read_policy_info(reader)
    made_by = "policy" if info is None else info.made_by
    if as_recorded or (given is None and info is not None and info.is_taught):
        return ReplayedActor(None, _recorded_scale(reader), made_by)
    policy = OnnxPolicy.load(given or policy_of_bag(reader)).remembering()
    return ReplayedActor(policy, policy.contract.scale, made_by)


def _recorded_scale(reader: BagReader) -> Scale:
    texts, where = first_texts(reader, CONTRACT_TOPIC), f"bag {reader.path}: {CONTRACT_TOPIC}"
    try:
        limits = numbers_of_text("action_limits", texts["contract.action_limits"], 6)
        (period_s,) = numbers_of_text("control_dt_s", texts["contract.control_dt_s"], 1)
        return PolicyContract(texts["contract.task"], limits, period_s).scale
    except KeyError as error:
        raise BagError(f"{where}: expected a key {error}, there is none") from error
    except (ConfigurationError, ContractError) as error:
        raise BagError(f"{where}: {error}") from error


def policy_of_bag(reader: BagReader) -> Path:
    """Return the policy file whose checksum is recorded in an open bag.

    Raises:
        ConfigurationError: The bag names no policy, no policy acted in it, or its file is not on
            this computer.
    """
    bag, info = reader.path, read_policy_info(reader)
    if info is None:
        raise ConfigurationError(f"bag {bag}: it names no policy; give one with --policy")
    if info.is_taught:
        raise ConfigurationError(
            f"bag {bag}: expected a policy that acted, got {info.made_by} actions; give the policy "
            "to compare them with"
        )
    for candidate in _candidates(bag, info):
        if info.sha256 in file_hashes(candidate):
            return candidate
    raise ConfigurationError(
        f"bag {bag}: expected its policy {info.path} with sha256 {info.sha256}, which is neither "
        "there, nor in the package, nor in the run folder; give its path with --policy"
    )


def _candidates(bag: Path, info: PolicyInfo) -> Iterator[Path]:
    """Yield candidates: the recorded path, shipped policies, and ONNX files in or above the bag."""
    yield Path(info.path)
    yield from shipped_policies().values()
    folder = Path(os.path.realpath(bag))
    for parent in (folder.parent.parent, folder.parent, folder):
        yield from sorted(parent.glob("*.onnx"))
