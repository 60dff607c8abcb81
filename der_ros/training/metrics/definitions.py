"""Unit and meaning of every metric of a training run.

The reference page is generated from this table; a test refuses a metric that is not in it.
"""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """Metric of ``metrics.jsonl``, TensorBoard and the topics ``training/…``.

    Attributes:
        name: Name with prefix.
        unit: Unit of the value; ``1`` for a fraction or dimensionless number.
        text: Description of the metric.
    """

    name: str
    unit: str
    text: str


METRICS = tuple(
    Metric(*line)
    for line in (
        (
            "rollout/success_rate",
            "1",
            "Share of successes among the last 100 ended episodes of "
            "the workers, with and without exploration noise.",
        ),
        (
            "rollout/episode_return",
            "1",
            "Mean return of the last 100 ended episodes, undiscounted and unscaled, with the value "
            "of an attempt given up.",
        ),
        ("rollout/episode_length", "steps", "Mean length of the last 100 ended episodes."),
        (
            "rollout/greedy_success_rate",
            "1",
            "Share of successes among the last 20 episodes without exploration noise.",
        ),
        ("rollout/episodes", "episodes", "Ended episodes of the run."),
        (
            "rollout/taught_steps",
            "steps",
            "Steps that a person drove (`teach:=joy`); from the first takeover on.",
        ),
        (
            "rollout/takeovers",
            "times",
            "Times that a person took an episode over; from the first one on.",
        ),
        (
            "rollout/evaluation_success_rate",
            "1",
            "Share of successes of one evaluation; only in the line that reports it.",
        ),
        (
            "rollout/evaluation_return",
            "1",
            "Mean return of one evaluation; only in the line that reports it.",
        ),
        ("time/env_steps", "steps", "Environment steps of the run."),
        ("time/updates", "updates", "Updates of the learner in the run."),
        ("time/elapsed_s", "s", "Time since this start, without pauses."),
        (
            "time/env_steps_per_s",
            "1/s",
            "Environment steps per second of wall clock since the line before.",
        ),
        ("time/updates_per_s", "1/s", "Updates per second of wall clock since the line before."),
        (
            "time/rollout_steps_per_s",
            "1/s",
            "Environment steps per second of one worker while it acts, mean over the workers.",
        ),
        (
            "time/sample_batches_per_s",
            "1/s",
            "Batches per second of the learner while it draws batches.",
        ),
        (
            "time/update_batches_per_s",
            "1/s",
            "Batches per second of the learner while it does updates.",
        ),
        (
            "time/receive_share",
            "1",
            "Share of the learner's time spent on receiving since the line before.",
        ),
        (
            "time/sample_share",
            "1",
            "Share of the learner's time spent on drawing batches since the line before.",
        ),
        (
            "time/update_share",
            "1",
            "Share of the learner's time spent on updates since the line before.",
        ),
        (
            "time/queue_fill",
            "1",
            "Share of the workers whose next fragment waited at the learner's last look; at 1 the "
            "workers wait for the learner.",
        ),
        (
            "time/workers_replaced",
            "workers",
            "Workers that died and were replaced since this start.",
        ),
        (
            "train/critic_loss",
            "1",
            "Loss of the critic in every hundredth update, with its coefficient, without the l2 "
            "part.",
        ),
        (
            "train/policy_loss",
            "1",
            "Loss of the policy in the same update, with its coefficient; DQN has none.",
        ),
        ("train/q_value", "1", "Mean of Q₁ over the batch of the same update."),
        ("train/td_error", "1", "Mean of |δ| over the batch of the same update."),
        ("train/entropy", "nat", "SAC: entropy of the policy, minus the mean of log π(a|s)."),
        ("train/temperature", "1", "SAC: temperature, the weight of the entropy."),
        ("replay/transitions", "transitions", "Transitions in all shards."),
        (
            "replay/staleness",
            "rows",
            "Mean age of the rows of a batch, in rows written later to the same part of the shard.",
        ),
        ("replay/zone_share", "1", "Share of a batch that came from the demonstration zone."),
        (
            "replay/policy_lag",
            "updates",
            "Updates between the learner and the policy that made the newest fragment.",
        ),
        (
            "replay/ignored_updates",
            "rows",
            "Priorities that were not written because their row had been overwritten.",
        ),
        ("der/zone_transitions", "transitions", "Transitions in the zones of all shards."),
        ("der/zone_fill", "1", "Transitions in the zones as a share of the zones' size."),
        (
            "der/zone_age",
            "rows",
            "Mean age of the rows in the zones, in rows written later to the same zone.",
        ),
        ("der/pool_episodes", "episodes", "Episodes in the success pool."),
        ("der/pool_megabytes", "MiB", "Size of the arrays of the episodes in the pool."),
        ("der/pool_added", "episodes", "Episodes that were ever put into the pool."),
        ("der/insertions", "episodes", "Episodes that were put into zones."),
    )
)
