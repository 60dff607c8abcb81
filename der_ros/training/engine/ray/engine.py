"""The engine on Ray: workers, shards and pool as actors, on this machine or on a cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import ray

from der_ros.errors import ConfigurationError
from der_ros.replay.array_types import FloatArray
from der_ros.replay.sharded import TdErrors
from der_ros.replay.transitions import Episode
from der_ros.training.config import TrainingConfig
from der_ros.training.engine.interface import (
    Drawn,
    EvaluationRequest,
    Message,
    PolicySnapshot,
    Sizes,
)
from der_ros.training.engine.ray.replay import RayReplay
from der_ros.training.engine.ray.workers import RayWorkers

logger = logging.getLogger(__name__)

# Ray appends up to 72 bytes for session and socket; a socket's name has at most 107.
_TEMPORARY_BYTES = 35
_STORE_BYTES = 256 * 2**20  # object store, if this process starts Ray
_TIME_TO_ANSWER_S = 5.0


class RayEngine:
    """Engine with the actors of one run; dead actors are replaced while training goes on.

    A fragment travels once, from worker to shard, and a batch once, from shard to learner.
    Parameters lie in the object store.
    """

    def __init__(self, config: TrainingConfig, sizes: Sizes, td_errors: TdErrors) -> None:
        """Store the arguments; ``__enter__`` starts the actors.

        Args:
            config: Configuration of the run.
            sizes: Lengths of the vectors.
            td_errors: Function that returns the learner's TD errors, (rows,), of raw transitions.
        """
        self._config, self._resumed_at = config, 0
        self.replay = RayReplay(config, sizes, td_errors, self._reconnect)
        self.workers: RayWorkers

    def __enter__(self) -> RayEngine:
        """Connect to ``ray_address``, or start Ray on this machine; then start the actors."""
        _connect(self._config)
        try:
            self.workers = RayWorkers(self._config, self._workers(), self._resumed_at)
            self.replay.start()
            self.workers.start(self.replay.shards, self._pool)
        except BaseException:
            ray.shutdown()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the actors, and Ray if this process started it."""
        self.workers.stop()
        self.replay.stop()
        ray.shutdown()

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages that have arrived; wait up to ``timeout_s`` for the first."""
        return self.workers.receive(timeout_s)

    def publish(self, snapshot: PolicySnapshot) -> None:
        """Publish ``snapshot`` to the workers."""
        self.workers.publish(snapshot)

    def evaluate(self, request: EvaluationRequest) -> int:
        """Start an evaluation; return the number of parts to expect."""
        return self.workers.evaluate(request)

    def load_demonstrations(self, demonstrations: Sequence[Episode]) -> None:
        """Assign human demonstrations to the shards; before the start."""
        self.replay.load_demonstrations(demonstrations)

    def insert_if_due(self, env_steps: int) -> None:
        """Insert a success from the pool into every shard, if it is due."""
        self.replay.insert_if_due(env_steps)

    def sample(self, beta: float | None) -> Drawn | None:
        """Return a batch from a randomly drawn shard; None if no batch arrived in time."""
        return self.replay.sample(beta)

    def write_back(self, drawn: Drawn, td_errors: FloatArray) -> None:
        """Send the TD errors (rows,) of ``drawn`` back as priorities."""
        self.replay.write_back(drawn, td_errors)

    def metrics(self) -> dict[str, float]:
        """Return the current metrics of replay, pool and workers by name."""
        return {**self.replay.metrics(), **self.workers.metrics()}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint; workers start afresh when a run is resumed."""
        return {"replay": self.replay.state(), "rollouts": None}

    def load_state(self, state: Mapping[str, Any], env_steps: int) -> None:
        """Restore a state returned by ``state`` of any engine; call it before the start."""
        self.replay.load_state(state["replay"])
        self._resumed_at = env_steps

    @property
    def _pool(self) -> Any:
        return self.replay.pool if self._config.der else None

    def _reconnect(self) -> None:
        self.workers.reconnect(self.replay.shards, self._pool)

    def _workers(self) -> int:
        """Return the number of workers; -1 becomes the number of the cluster's CPUs less one.

        A worker without a CPU waits for a node to join the cluster. It is logged, since an
        evaluation waits for all workers.
        """
        processors = int(ray.cluster_resources().get("CPU", 1.0))
        workers = self._config.workers
        if workers <= 0:
            return max(1, processors - 1)
        if workers > processors:
            logger.warning(
                "workers: expected at most %d, the CPUs of the Ray cluster, got %d; the others, "
                "and each evaluation, wait until nodes with CPUs join it: add nodes, or stop the "
                "run and resume it with fewer workers",
                processors,
                workers,
            )
        return workers


def _connect(config: TrainingConfig) -> None:
    """Connect to the cluster, or start one here.

    Raises:
        ConfigurationError: There is no cluster at ``ray_address``, or the temporary folder's name
            is too long for a cluster on this machine.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _own_signals():
        if not config.ray_address:
            _check_temporary_folder()
            cores = len(os.sched_getaffinity(0))
            ray.init(
                num_cpus=max(cores, config.workers),
                object_store_memory=_STORE_BYTES,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                **common,
            )
            return
        try:
            _check_reachable(config.ray_address)
            ray.init(address=config.ray_address, **common)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"ray_address {config.ray_address}: expected a running Ray cluster, got: {error}; "
                "start one with `ray start --head`, or leave ray_address empty"
            ) from error


def _check_temporary_folder() -> None:
    """Check that the names of Ray's sockets have at most 107 bytes, the limit of the system.

    Raises:
        ConfigurationError: The temporary folder's name is too long.
    """
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    if len(os.fsencode(folder)) > _TEMPORARY_BYTES:
        raise ConfigurationError(
            f"engine ray: expected a temporary folder of at most {_TEMPORARY_BYTES} bytes, since "
            f"Ray keeps sockets in it, got {folder}; set TMPDIR to a shorter one"
        )


def _check_reachable(address: str) -> None:
    """Check quickly that ``host:port`` accepts connections; Ray itself retries for minutes.

    Raises:
        OSError: There is no connection within the timeout.
    """
    host, colon, port = address.rpartition(":")
    if colon and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_TIME_TO_ANSWER_S).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's SIGTERM handler, which Ray would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
