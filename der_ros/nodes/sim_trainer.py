"""Runs a training with metrics on topics and services to control it.

Published topics: ``training/<name>`` (std_msgs/Float64) with each line of metrics, and
``/diagnostics`` at 1 Hz. Services: ``sim_trainer/pause`` (SetBool), ``sim_trainer/save_checkpoint``
and ``sim_trainer/export_policy`` (Trigger). The node ends with the run. On a signal the run first
saves a checkpoint and exports the policy. With ``teach`` the node subscribes to ``joy``
(sensor_msgs/Joy), and an operator takes over an episode while holding the dead-man button.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from std_msgs.msg import Float64
from std_srvs.srv import SetBool, Trigger

from der_ros.control.status import Level, Status
from der_ros.errors import DerRosError
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node, write_line
from der_ros.nodes.shared.parameters import declare, declare_settings
from der_ros.nodes.teleop.takeover_input import TakeoverInput
from der_ros.parameters.teleop import OFF, TakeoverParameters
from der_ros.threads import Worker
from der_ros.training.run.launch_options import FROM_PRESET, RunOptions, launched_settings
from der_ros.training.run.options import resolve_run
from der_ros.training.run.report import outcome_line, progress_line
from der_ros.training.run.training_run import TrainingRun

PUBLISHED = (
    "rollout/success_rate",
    "rollout/greedy_success_rate",
    "rollout/evaluation_success_rate",
    "rollout/episode_return",
    "rollout/episode_length",
    "rollout/episodes",
    "rollout/taught_steps",
    "rollout/takeovers",
    "time/env_steps",
    "time/updates",
    "time/env_steps_per_s",
    "time/updates_per_s",
    "time/elapsed_s",
    "train/td_error",
    "train/q_value",
    "train/critic_loss",
    "train/policy_loss",
    "replay/transitions",
    "der/zone_transitions",
    "der/pool_episodes",
    "der/insertions",
)

_SECONDS_BETWEEN_LINES = 15.0
_TIME_TO_SAVE_S = 4.0  # less than the 5 s between Ctrl-C and the launch's SIGTERM
_TIME_TO_ANSWER_S = 10.0
_TIME_TO_END_S = 35.0  # enough to write a checkpoint and the policy, and to stop Ray


class SimTrainer(ShellNode):
    """Node that runs a ``TrainingRun`` in its own thread, for ``train_sim.launch.py``."""

    # Allowed because it moves nothing, and only the stamps of its messages use the clock.
    obeys_simulated_clock = True
    is_alone = False

    def __init__(self) -> None:
        super().__init__("sim_trainer")
        self._teacher = self._make_teacher()
        self._run = self._make_run()
        names = {metric: metric.split("/")[1] for metric in PUBLISHED}
        self._topics = {
            metric: self.create_publisher(Float64, f"training/{name}", 10)
            for metric, name in names.items()
        }
        self._metrics: dict[str, float] = {}
        self._said = 0.0
        self._diagnostics = DiagnosticsPublisher(self, "simulation", self._status)
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.create_service(Trigger, "~/save_checkpoint", self._on_save_checkpoint)
        self.create_service(Trigger, "~/export_policy", self._on_export_policy)
        self._worker = Worker(
            "training",
            self._train,
            lambda _reason: self.finish(1),
            finite=True,
            daemon=False,
            join_s=_TIME_TO_SAVE_S,
        )
        self.resources.enter_context(self._worker)

    def close(self) -> None:
        """Stop the run and wait until it has saved and exported."""
        self._run.stop()
        super().close()

    def _make_teacher(self) -> TakeoverInput | None:
        teach = declare_settings(self, TakeoverParameters).teach
        return None if teach == OFF else TakeoverInput(self, teach)

    def _make_run(self) -> TrainingRun:
        options = declare_settings(self, RunOptions)
        overrides = {each.name: declare(self, each) for each in launched_settings()}
        if overrides["algorithm"] == FROM_PRESET:
            del overrides["algorithm"]
        if options.resume:
            # A launch file passes all arguments; a resumed run keeps its own settings.
            overrides = {k: overrides[k] for k in ("max_minutes", "max_env_steps")}
        config, folder, source = resolve_run(
            options.preset, overrides, options.run_dir, options.resume
        )
        self._config = config
        pilot = None if self._teacher is None else self._teacher.pilot
        return TrainingRun(config, folder, source, self._on_metrics, pilot)

    def _train(self) -> None:
        """Run the training, in its own thread, then finish the node."""
        try:
            trained = self._config.env or self._config.task
            write_line(f"training {trained}, results in {self._run.run_dir}")
            write_line(outcome_line(self._run.run()))
            self.finish(0)
        except DerRosError as error:
            write_line(f"error: {error}", sys.stderr)
            self.finish(1)

    def _on_metrics(self, metrics: dict[str, float]) -> None:
        self._metrics = metrics
        now = time.monotonic()
        if now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            write_line(progress_line(metrics, self._config))
        if self.finished.is_set():
            return  # the executor may already be shut down
        for metric, publisher in self._topics.items():
            if metric in metrics:
                publisher.publish(Float64(data=float(metrics[metric])))

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            self._run.pause()
        else:
            self._run.resume()
        response.success = True
        response.message = "paused" if request.data else "training"
        return response

    def _on_save_checkpoint(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._run.request_checkpoint()
        return self._answer(response, f"{self._run.run_dir / 'checkpoints'}")

    def _on_export_policy(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self._run.request_export()
        return self._answer(response, f"{self._run.run_dir / 'policy.onnx'}")

    def _answer(self, response: Trigger.Response, done: str) -> Trigger.Response:
        response.success = self._run.wait_for_requests(_TIME_TO_ANSWER_S)
        waited = f"expected an answer within {_TIME_TO_ANSWER_S:g} s, the run is busy; ask again"
        response.message = done if response.success else waited
        return response

    def _status(self) -> Sequence[Status]:
        state = "paused" if self._run.paused else "training"
        message = state if self._metrics else "starting"
        training = Status("training", Level.OK, message, dict(self._metrics))
        return [training] if self._teacher is None else [training, self._teacher.status()]


def main(args: Sequence[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(SimTrainer, args, _TIME_TO_END_S)


if __name__ == "__main__":
    sys.exit(main())
