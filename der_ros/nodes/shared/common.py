"""What every node shares: parameters, diagnostics, and an end that leaves nothing behind."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType
from typing import Any, ClassVar, NamedTuple, Protocol, TextIO, TypeVar, cast

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from der_ros.errors import ConfigurationError, DerRosError
from der_ros.nodes.shared.launch_watch import PATIENCE_S, end_with_launch, signals_to_end
from der_ros.nodes.shared.logs import log_to_console, logged_by
from der_ros.nodes.shared.middleware import keep_processes_apart
from der_ros.nodes.shared.simulated_clock import refuse_simulated_clock
from der_ros.nodes.shared.steady import steady_timer
from der_ros.nodes.shared.twins import Name
from der_ros.threads import Worker

logger = logging.getLogger(__name__)

_PULSE_S = 0.1

Value = TypeVar("Value", bool, int, float, str, list[float], list[str])

LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""State that a late subscriber must still get."""

SERVICES = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
"""Requests and answers; ROS 2's own default keeps ten and loses the others without a word."""

LATCHED_AMONG_OTHERS = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""The same for a subscriber who must not lose it to messages of publishers that do not count."""


def declare(
    node: Node,
    name: str,
    default: Value,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] = (),
    read_only: bool = True,
) -> Value:
    """Declare a parameter and return its value, checked.

    A whole number is taken where a float is expected, since that is what people write. A parameter
    that is not read-only has its rule in ``tuning``.

    Raises:
        ConfigurationError: the value has another type, lies outside the closed range
            [``minimum``, ``maximum``], or is none of ``choices``.
    """
    descriptor = ParameterDescriptor(
        name=name,
        description=description,
        additional_constraints=f"one of: {', '.join(choices)}" if choices else "",
        read_only=read_only,
        dynamic_typing=True,
    )
    _set_range(descriptor, default, minimum, maximum)
    try:
        raw = node.declare_parameter(name, default, descriptor).value
    except ParameterException as error:
        raise ConfigurationError(f"parameter {name}: {error}") from error
    value = _coerce(name, raw, default)
    if choices and value not in choices:
        raise ConfigurationError(
            f"parameter {name}: expected one of {', '.join(choices)}, got {value!r}"
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _check_range(name, value, minimum, maximum)
    return value


def is_given(node: Node, name: str) -> bool:
    """Return whether a file or the command line sets a parameter; ask before it is declared."""
    probe = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True))
    node.undeclare_parameter(name)
    return bool(probe.type_ != Parameter.Type.NOT_SET)


def _set_range(
    descriptor: ParameterDescriptor, default: object, minimum: float | None, maximum: float | None
) -> None:
    """Shows the range to ``ros2 param describe`` where both ends are known."""
    if minimum is None or maximum is None:
        return
    if isinstance(default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(minimum), to_value=float(maximum))
        ]
    elif isinstance(default, int):
        descriptor.integer_range = [
            IntegerRange(from_value=int(minimum), to_value=int(maximum), step=1)
        ]


def _coerce(name: str, raw: Any, default: Value) -> Value:
    """``raw`` as the type of ``default``; a list is checked for its length and items too."""
    value = _widened(raw, default)
    if type(value) is type(default) and not isinstance(value, list):
        return value
    if isinstance(default, list) and isinstance(value, list):
        wanted = type(default[0]) if default else str
        right_length = wanted is str or len(value) == len(default)
        if right_length and all(type(item) is wanted for item in value):
            return value
        raise ConfigurationError(
            f"parameter {name}: expected {len(default)} {wanted.__name__}s, got {value!r}"
        )
    raise ConfigurationError(f"parameter {name}: expected a {type(default).__name__}, got {raw!r}")


def _widened(raw: Any, default: object) -> Any:
    """Whole numbers as floats where floats are meant, arrays as lists."""
    if isinstance(default, float) and type(raw) is int:
        return float(raw)
    if isinstance(default, list) and isinstance(raw, Iterable) and not isinstance(raw, str | bytes):
        floats = bool(default) and isinstance(default[0], float)
        return [float(item) if floats and type(item) is int else item for item in raw]
    return raw


def _check_range(name: str, value: float, minimum: float | None, maximum: float | None) -> None:
    low = float("-inf") if minimum is None else minimum
    high = float("inf") if maximum is None else maximum
    if not low <= value <= high:
        raise ConfigurationError(f"parameter {name}: expected {low} to {high}, got {value}")


class Level(IntEnum):
    """Levels of ``diagnostic_msgs/DiagnosticStatus`` (REP-107)."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class Status(NamedTuple):
    """One diagnostic status: what it is about, how bad it is, and its figures."""

    name: str
    level: Level
    message: str
    values: Mapping[str, object]


def status_name(node: Node) -> str:
    """Return a node's name with its namespace, if it has one: ``cell_1/kuka_bridge``."""
    return f"{node.get_namespace()}/{node.get_name()}".strip("/")


class DiagnosticsPublisher:
    """Publishes what ``collect`` returns on ``/diagnostics`` at 1 Hz.

    The topic is the same in every namespace; ``status_name`` says whose status it is.
    """

    def __init__(
        self, node: Node, hardware_id: str, collect: Callable[[], Sequence[Status]]
    ) -> None:
        self._node = node
        self._hardware_id = hardware_id
        self._collect = collect
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = steady_timer(node, 1.0, self.publish)

    def publish(self) -> None:
        """Publishes now."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [self._to_message(status) for status in self._collect()]
        self._publisher.publish(message)

    def _to_message(self, status: Status) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([status.level]),
            name=f"{status_name(self._node)}: {status.name}",
            message=status.message,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=str(value)) for key, value in status.values.items()],
        )


class Shell:
    """Mixin of this package's nodes: how a node ends.

    ``finish`` may be called from any thread; ``close`` is called once, while the node can still
    publish, however the process ends (finished, Ctrl-C, SIGTERM, an exception).

    Attributes:
        obeys_simulated_clock: whether ``use_sim_time`` may be true; else it is refused, at the
            start and later. Timers are steady either way.
        is_alone: whether a living node of the same name is refused at the start of a process.
    """

    obeys_simulated_clock: ClassVar[bool] = False
    is_alone: ClassVar[bool] = True
    # Set by run_node: in a process of its own a node looks for its twin before it opens anything.
    _looks_for_twins: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.finished = threading.Event()
        self.exit_code = 0
        try:
            super().__init__(*args, **kwargs)
        except ParameterException as error:
            raise ConfigurationError(f"parameter use_sim_time: {error}") from error
        if not self.obeys_simulated_clock:
            refuse_simulated_clock(cast(Node, self))
        self._claimed: Name | None = None
        if self.is_alone and Shell._looks_for_twins:
            self._claimed = Name(cast(Node, self), status_name(cast(Node, self)))
            self._claimed.refuse_a_twin()

    def create_service(self, *args: Any, **kwargs: Any) -> Any:
        """Create a service as ``Node`` does, with room for a thousand requests at once."""
        kwargs.setdefault("qos_profile", SERVICES)
        # The class that this is mixed into has it.
        return super().create_service(*args, **kwargs)  # type: ignore[misc]

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """Create a client as ``Node`` does, with room for a thousand answers at once."""
        kwargs.setdefault("qos_profile", SERVICES)
        return super().create_client(*args, **kwargs)  # type: ignore[misc]

    def settle(self) -> None:
        """Begin to work; the node ends when another one turns out to have its name."""
        if self._claimed is not None:
            self._claimed.settle(self._give_way)

    def _give_way(self, reason: str) -> None:
        say(f"error: {reason}", sys.stderr)
        self.finish(1)

    def finish(self, exit_code: int = 0) -> None:
        """Ends the process with ``exit_code``."""
        self.exit_code = exit_code
        self.finished.set()

    def close(self) -> None:
        """Stops threads, closes sockets and files. Overridden where there are any."""


class ShellNode(Shell, Node):
    """A plain node of this package."""


class _Runnable(Protocol):
    finished: threading.Event
    exit_code: int

    def settle(self) -> None: ...

    def close(self) -> None: ...

    def destroy_node(self) -> None: ...


def run_node(
    factory: Callable[[], _Runnable],
    args: Sequence[str] | None = None,
    patience_s: float = PATIENCE_S,
) -> int:
    """Run one node until it finishes or is told to stop, and return the exit code.

    The executor spins in a thread of its own, so that the main thread is free to be woken by a
    signal and the node can still publish while it closes. A ``DerRosError`` is a user's mistake or
    a missing device: one line, exit code 1, no traceback. A node of a launch ends when the launch
    has ended; one that takes longer than ``patience_s`` for it is killed.
    """
    log_to_console()
    told_to_end = _catch_signals()
    end_with_launch(patience_s)
    keep_processes_apart()
    try:
        rclpy.init(
            args=None if args is None else list(args),
            signal_handler_options=SignalHandlerOptions.NO,
        )
        Shell._looks_for_twins = True
        node = factory()
    except DerRosError as error:
        say(f"error: {error}", sys.stderr)
        rclpy.try_shutdown()
        return 1
    told_to_end.then(node.finished.set)
    node.settle()
    try:
        with logged_by(node), spinning(node, on_error=lambda error: _fail(node, error)):
            node.finished.wait()
            node.close()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code


@contextmanager
def spinning(
    *nodes: Any, on_error: Callable[[BaseException], None] | None = None
) -> Iterator[None]:
    """Spins ``nodes`` in a thread of its own while inside.

    An executor must not be shut down under a thread that spins it, so the thread is ended first.

    Args:
        nodes: to spin together.
        on_error: takes what a callback raised, in that thread; without it the thread dies of it.
    """
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    closed, turn = threading.Event(), threading.Event()

    def spin() -> None:
        try:
            while not closed.is_set():
                executor.spin_once(timeout_sec=1.0)
                turn.set()
        except BaseException as error:
            if on_error is None:
                raise
            on_error(error)

    def pulse() -> None:
        # The middleware waits by the wall clock: one that is set back prolongs the wait under way.
        while not closed.is_set():
            time.sleep(_PULSE_S)
            if not turn.is_set():
                executor.wake()
            turn.clear()

    thread = threading.Thread(target=spin, name="executor")
    pulses = Worker("executor-pulse", pulse, finite=True, join_s=1.0)
    thread.start()
    pulses.start()
    try:
        yield
    finally:
        closed.set()
        pulses.stop()
        executor.wake()
        thread.join(timeout=5.0)
        executor.shutdown()


def say(line: str, stream: TextIO | None = None) -> None:
    """Write a line, by default to standard output; nobody may be there any more to read it."""
    stream = sys.stdout if stream is None else stream
    # A terminal that is gone answers with an error, a pipe without a reader too.
    with suppress(OSError, ValueError):
        stream.write(line + "\n")
        stream.flush()


def _fail(node: _Runnable, error: BaseException) -> None:
    """End a node of which a callback failed: a line for a known error, else a traceback."""
    if not isinstance(error, ExternalShutdownException):
        node.exit_code = 1
        unexpected = None if isinstance(error, DerRosError) else error
        logger.critical("error: %s", error, exc_info=unexpected)
    node.finished.set()


class _Ending:
    """Whether the process was told to end, and what to do about it once there is a node."""

    def __init__(self) -> None:
        self._told = False
        self._action: Callable[[], None] = lambda: None

    def then(self, action: Callable[[], None]) -> None:
        """Does ``action`` when told; at once if that was while the node was being made."""
        self._action = action
        if self._told:
            action()

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """A signal handler."""
        self._told = True
        self._action()


def _catch_signals() -> _Ending:
    """Let Ctrl-C, SIGTERM and a closed terminal end a node in good order, however often."""
    ending = _Ending()
    for number in signals_to_end():
        signal.signal(number, ending.on_signal)
    return ending
