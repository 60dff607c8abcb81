"""Runtime of an exported policy on the robot: validation of the file, then inference.

Requires only numpy, onnxruntime and the latter's dependencies.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from der_ros.documents import read_bytes
from der_ros.errors import ConfigurationError, ContractError
from der_ros.policy.contract import PolicyContract
from der_ros.policy.dither import Dither
from der_ros.policy.file.checksum import check_checksum
from der_ros.policy.file.onnx_file import MAX_FILE_BYTES, ascii_only, check_contents, read_contents
from der_ros.policy.policy_view import FRAME_SIZE

MAX_COMPUTING_S = 1.0
"""Longest computing time of one action, s."""
INPUT_NAME, OUTPUT_NAME = "observation", "action"
_ACTION_SLACK = 1e-6
_MAX_MESSAGE = 2000
# An hour of ticks.
_MOST_REMEMBERED = 65536


class OnnxPolicy:
    """Validated policy: maps a float32 network input to a (6,) float32 action in [-1, 1].

    The input is an observation, (13,), or, if the contract has a view, the view's output;
    ``for_attempt`` returns a policy that takes observations.

    Attributes:
        contract: Contract in the file.
        sha256: SHA-256 of the file's bytes, hexadecimal.
        path: Path of the file.
    """

    def __init__(self, session: Any, contract: PolicyContract, sha256: str, path: Path) -> None:
        self._session = session
        self.contract = contract
        self.sha256 = sha256
        self.path = path
        self._input_size = contract.input_size

    @classmethod
    def load(cls, path: Path | str, expected_task: str | None = None) -> OnnxPolicy:
        """Read and validate one policy file, and run a test inference.

        The file is read once; onnxruntime gets the validated bytes.

        Args:
            path: Path of an ``.onnx`` file written by ``der_ros.policy.export``.
            expected_task: Name of the task that it must be trained on; None for any.

        Raises:
            ConfigurationError: The file does not exist, is not readable or is too large.
            ContractError: The file is no ONNX model, does not match its checksum, has content that
                a plain network does not have, has other inputs, outputs or metadata, or its test
                inference is not finite or out of range.
        """
        path = Path(path)
        data = read_policy_file(path)
        try:
            contents = read_contents(data)
            check_checksum(data, contents.metadata)
            check_contents(contents)
            contract = PolicyContract.from_metadata(contents.metadata)
            contract.check(task=expected_task)
            session = _open_session(data)
            _check_ports(session, contract.input_size)
            policy = cls(session, contract, hashlib.sha256(data).hexdigest(), path)
            policy._try_out()
        except ContractError as error:
            raise ContractError(f"policy {path}: {_limited(str(error))}") from error
        return policy

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action for one network input.

        Args:
            observation: Network input, (contract.input_size,); without a view, an observation in
                the contract's order and units.

        Returns:
            Action, (6,) float32 in [-1, 1].

        Raises:
            ContractError: The observation or the action is not finite, the observation has the
                wrong shape, or the action is out of range.
        """
        size = self._input_size
        if observation.shape != (size,):
            advice = "" if self.contract.view().is_plain else "; for_attempt() takes observations"
            raise ContractError(
                f"observation: expected shape ({size},), got {observation.shape}{advice}"
            )
        if not np.isfinite(observation).all():
            names = itertools.cycle(self.contract.observation_names)
            wrong = [
                name
                for name, value in zip(names, observation, strict=False)
                if not np.isfinite(value)
            ]
            raise ContractError(
                f"observation: expected finite numbers, got NaN or infinity in {', '.join(wrong)}"
            )
        feed = {INPUT_NAME: observation.astype(np.float32, copy=False)[None]}
        action = self._run(feed)
        # Negated so that NaN fails too.
        if not np.abs(action).max() <= 1.0 + _ACTION_SLACK:
            raise ContractError(f"action: expected six numbers in [-1, 1], got {action.tolist()}")
        return action

    def for_attempt(self, action_repeat: int = 1) -> AttemptPolicy:
        """Return a policy for a new attempt, which takes observations, (13,).

        Args:
            action_repeat: Number of calls for which each action is kept.
        """
        return AttemptPolicy(self, action_repeat)

    def remembering(self) -> OnnxPolicy:
        """Return this policy with a memory of its answers, for a replay that asks it twice."""
        session = _RememberedSession(self._session)
        return OnnxPolicy(session, self.contract, self.sha256, self.path)

    def _run(self, feed: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        try:
            action: NDArray[np.float32] = self._session.run((OUTPUT_NAME,), feed)[0][0]
        except Exception as error:  # onnxruntime's errors share no other base class
            raise ContractError(f"onnxruntime cannot run it: {_first_line(error)}") from error
        if action.shape != (len(self.contract.action_names),):
            raise ContractError(f"action: expected six numbers, got shape {action.shape}")
        return action

    def _try_out(self) -> None:
        """Run the policy on zeros and on random inputs of usual and extreme size."""
        rng = np.random.default_rng(0)
        size = self._input_size
        samples = np.concatenate(
            (np.zeros((1, size)), rng.normal(size=(8, size)), 1e3 * rng.normal(size=(8, size)))
        ).astype(np.float32)
        for sample in samples:
            start_s = time.thread_time()
            self(sample)
            taken_s = time.thread_time() - start_s
            if taken_s > MAX_COMPUTING_S:
                raise ContractError(
                    f"expected an action within {MAX_COMPUTING_S:g} s of computing, "
                    f"got one after {taken_s:.1f} s; train a smaller network"
                )


class _RememberedSession:
    """Session that runs the same input once, within bounds."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._answers: dict[bytes, Any] = {}

    def run(self, names: tuple[str, ...], feed: dict[str, NDArray[np.float32]]) -> Any:
        """Return the network's outputs."""
        key = feed[INPUT_NAME].tobytes()
        answer = self._answers.get(key)
        if answer is None:
            answer = self._session.run(names, feed)
            if len(self._answers) < _MOST_REMEMBERED:
                self._answers[key] = answer
        return answer


class AttemptPolicy:
    """Policy within one attempt, with its memory: the view's and the dither's of its contract.

    Args:
        policy: Policy to run.
        action_repeat: Number of calls for which each action is kept; the history holds only the
            observations of which an action came.

    Attributes:
        contract: Contract in the policy's file.
        sha256: SHA-256 of the policy's file, hexadecimal.
        path: Path of the policy's file.
    """

    def __init__(self, policy: OnnxPolicy, action_repeat: int = 1) -> None:
        self.contract, self.sha256, self.path = policy.contract, policy.sha256, policy.path
        self._policy, self._view = policy, policy.contract.view()
        self._dither = Dither(policy.contract.dither)
        self._action_repeat, self._kept = action_repeat, 0
        self._action: NDArray[np.float32] | None = None

    def __call__(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action, (6,) float32 in [-1, 1], for the attempt's next observation, (13,).

        Raises:
            ContractError: The observation has the wrong shape, or ``OnnxPolicy`` raises it.
        """
        if observation.shape != (FRAME_SIZE,):
            raise ContractError(
                f"observation: expected shape ({FRAME_SIZE},), got {observation.shape}"
            )
        if self._action is None or self._kept == 0:
            action = self._policy(self._view(observation))
            self._action, self._kept = self._dither(observation, action), self._action_repeat
        self._kept -= 1
        return self._action


def read_policy_file(path: Path) -> bytes:
    """Return the content of a policy file, not validated.

    Raises:
        ConfigurationError: The file does not exist, is not readable or is too large.
    """
    try:
        return read_bytes(path, MAX_FILE_BYTES)
    except ConfigurationError as error:
        raise ConfigurationError(f"policy {error}") from error
    except OSError as error:
        raise ConfigurationError(
            f"policy {path}: expected a readable .onnx file ({error.strerror or error}); "
            "give the path of one that der_ros export_policy or training wrote"
        ) from error


def _open_session(data: bytes) -> Any:
    """Open a single-threaded session; for a small network a second thread starts too late."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no other base class
        raise ContractError(f"onnxruntime cannot load it: {_first_line(error)}") from error


def _limited(message: str) -> str:
    """Return a message without the middle of a long text that a file brought into it."""
    if len(message) <= _MAX_MESSAGE:
        return message
    return f"{message[: _MAX_MESSAGE // 2]} … {message[-_MAX_MESSAGE // 4 :]}"


def _first_line(error: Exception) -> str:
    return ascii_only(str(error).strip().partition("\n")[0], 300)


def _check_ports(session: Any, input_size: int) -> None:
    """Check for one float input (N, input_size) and one float output (N, 6), names included."""
    problems = []
    for kind, ports, name, width in (
        ("input", session.get_inputs(), INPUT_NAME, input_size),
        ("output", session.get_outputs(), OUTPUT_NAME, 6),
    ):
        got = [(port.name, port.type, list(port.shape)) for port in ports]
        if len(got) != 1 or not _is_right(got[0], name, width):
            problems.append(f"{kind}: expected one {name} of tensor(float) (N, {width}), got {got}")
    if problems:
        raise ContractError("; ".join(problems))


def _is_right(port: tuple[str, str, list[int | str | None]], name: str, width: int) -> bool:
    """Return True if a port is a float matrix of this name, (1 or any, ``width``)."""
    shape = port[2]
    if port[:2] != (name, "tensor(float)") or len(shape) != 2 or shape[1] != width:
        return False
    return shape[0] == 1 or not isinstance(shape[0], int)
