"""Process of a node: start, logging, signals and orderly shutdown."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, ClassVar, Protocol, TextIO, cast

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from der_ros.errors import ConfigurationError, DerRosError, described
from der_ros.nodes.shared.diagnostics import status_name
from der_ros.nodes.shared.launch_watch import (
    PATIENCE_S,
    end_with_launch,
    has_lost_launch,
    is_launched,
    signals_to_end,
)
from der_ros.nodes.shared.logs import log_to_console, logged_by
from der_ros.nodes.shared.middleware import keep_processes_apart
from der_ros.nodes.shared.parameters import refuse_simulated_clock
from der_ros.nodes.shared.qos import SERVICES
from der_ros.nodes.shared.steady import bring_into_phase
from der_ros.nodes.shared.twins import UniqueName
from der_ros.threads import Worker, call_on_signals

logger = logging.getLogger(__name__)

_PULSE_S = 0.1


class Shell:
    """Mixin of this package's nodes: exit code, resources, shutdown, and long service queues.

    ``finish`` may be called from any thread. ``close`` is called once, while the node can still
    publish, whether the process ends by ``finish``, Ctrl-C, SIGTERM or an exception.

    Attributes:
        obeys_simulated_clock: True to accept ``use_sim_time``; otherwise it is refused at start
            and at run time. Timers use the steady clock in both cases.
        is_alone: True to refuse a start beside a living node of the same name.
        resources: Threads, sockets and files of the node; ``close`` closes them in reverse order.
    """

    obeys_simulated_clock: ClassVar[bool] = False
    is_alone: ClassVar[bool] = True
    # Set by run_node; nodes that share a process, as in tests, do not check for others of the name.
    _refuses_twins: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.finished = threading.Event()
        self.exit_code = 0
        self.resources = ExitStack()
        try:
            super().__init__(*args, **kwargs)
        except ParameterException as error:
            raise ConfigurationError(f"parameter use_sim_time: {error}") from error
        if not self.obeys_simulated_clock:
            refuse_simulated_clock(cast(Node, self))
        self._claimed: UniqueName | None = None
        if self.is_alone and Shell._refuses_twins:
            self._claimed = UniqueName(cast(Node, self), status_name(cast(Node, self)))
            self._claimed.refuse_a_twin()

    @property
    def is_ending(self) -> bool:
        """True if the node ends, or will at once because its launch has ended."""
        return self.finished.is_set() or has_lost_launch()

    def create_service(
        self, srv_type: Any, srv_name: str, callback: Callable[[Any, Any], Any], **kwargs: Any
    ) -> Any:
        """Create a service as ``Node`` does, with a queue of 1000 requests and a guard.

        A request for which ``callback`` raises an exception is refused and does not end the node.
        rclpy creates its parameter services through this method as well.
        """
        kwargs.setdefault("qos_profile", SERVICES)
        guard = _guarded(srv_name, callback, self.finished)
        # Node, the next class in the method resolution order, defines it.
        return super().create_service(srv_type, srv_name, guard, **kwargs)  # type: ignore[misc]

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """Create a client as ``Node`` does, with a queue of 1000 responses."""
        kwargs.setdefault("qos_profile", SERVICES)
        return super().create_client(*args, **kwargs)  # type: ignore[misc]

    def mark_running(self) -> None:
        """Mark the node as running; it ends if another node turns out to have its name."""
        if self._claimed is not None:
            self._claimed.hold(self._give_way)

    def _give_way(self, reason: str) -> None:
        write_line(f"error: {reason}", sys.stderr)
        self.finish(1)

    def finish(self, exit_code: int = 0) -> None:
        """End the process with ``exit_code``; a failure is not undone by a later 0."""
        self.exit_code = self.exit_code or exit_code
        self.finished.set()

    def close(self) -> None:
        """Close ``resources``; override this to do something before."""
        self.resources.close()


class ShellNode(Shell, Node):
    """Base class of this package's nodes: a ``Node`` with the features of ``Shell``."""


class _Runnable(Protocol):
    finished: threading.Event
    exit_code: int

    def mark_running(self) -> None: ...

    def close(self) -> None: ...

    def destroy_node(self) -> None: ...


def _guarded(
    name: str, callback: Callable[[Any, Any], Any], finished: threading.Event
) -> Callable[[Any, Any], Any]:
    """Return a callback that refuses a request for which ``callback`` raises an exception.

    An exception would end the node's executor. rclpy's parameter services raise ``ValueError`` for
    a value of an unknown type, which any node can send.

    Args:
        name: Name of the service, for the log.
        callback: Callback of rclpy with request and response.
        finished: Set when the node ends; a call then meets closed resources, which is no bug.
    """

    def answer(request: Any, response: Any) -> Any:
        try:
            return callback(request, response)
        except Exception as error:
            expected = isinstance(error, ValueError) or finished.is_set()
            unexpected = None if expected else error
            logger.error("%s: a call was refused: %s", name, error, exc_info=unexpected)
            return _refused(request, response, described(error))

    return answer


def _refused(request: Any, response: Any, reason: str) -> Any:
    """Return the response with the refusal, as far as its type can express one."""
    refusal = SetParametersResult(successful=False, reason=reason)
    if hasattr(response, "results") and hasattr(request, "parameters"):
        missing = len(request.parameters) - len(response.results)
        response.results = [*response.results, *[refusal] * missing]
    elif isinstance(getattr(response, "result", None), SetParametersResult):
        response.result = refusal
    if hasattr(response, "success"):
        response.success = False
    if hasattr(response, "message"):
        response.message = reason
    return response


def run_node(
    factory: Callable[[], _Runnable],
    args: Sequence[str] | None = None,
    patience_s: float = PATIENCE_S,
) -> int:
    """Run one node until it finishes or receives a signal; return the exit code.

    The executor spins in its own thread: a signal wakes the main thread, and the node can still
    publish while it closes. A ``DerRosError`` (a wrong parameter, a missing device) prints one line
    without a traceback and gives exit code 1. A node that a launch has started and that gets
    SIGTERM or SIGHUP first, where a launch sends SIGINT, gives 128 plus the signal's number.

    Args:
        factory: Function that creates the node.
        args: Command-line arguments; None for those of the process.
        patience_s: Time from the end of the node's launch until the process is killed, s.
    """
    log_to_console()
    ending = _catch_signals()
    end_with_launch(patience_s)
    keep_processes_apart()
    try:
        _init(args)
        Shell._refuses_twins = True
        node = factory()
    except DerRosError as error:
        write_line(f"error: {error}", sys.stderr)
        rclpy.try_shutdown()
        return 1
    ending.then(node.finished.set)
    node.mark_running()
    bring_into_phase(cast(Node, node))
    try:
        with logged_by(node), spinning(node, on_error=lambda error: _fail(node, error)):
            node.finished.wait()
            node.close()
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code or ending.exit_code


def _init(args: Sequence[str] | None) -> None:
    """Initialize rclpy without its signal handlers.

    Raises:
        ConfigurationError: The arguments, a file of parameters or the environment are wrong.
    """
    try:
        rclpy.init(
            args=None if args is None else list(args),
            signal_handler_options=SignalHandlerOptions.NO,
        )
    except RuntimeError as error:
        reason = str(error).partition(", at ")[0]
        raise ConfigurationError(
            "expected --ros-args, a file of parameters, ROS_DOMAIN_ID and HOME or ROS_LOG_DIR that "
            f"ROS 2 can use, got: {reason}"
        ) from error


@contextmanager
def spinning(
    *nodes: Any, on_error: Callable[[BaseException], None] | None = None
) -> Iterator[None]:
    """Spin ``nodes`` in one background thread while the context is open.

    Args:
        nodes: Nodes that share one executor.
        on_error: Function that receives an exception of a callback, in that thread; None lets the
            exception end the thread.
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
        # The middleware waits by the wall clock: setting that clock back would prolong the wait.
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
        # Do not shut an executor down while a thread still spins it.
        thread.join(timeout=5.0)
        executor.shutdown()


def write_line(line: str, stream: TextIO | None = None) -> None:
    """Write a line, by default to standard output; ignore a closed stream or terminal."""
    stream = sys.stdout if stream is None else stream
    with suppress(OSError, ValueError):
        stream.write(line + "\n")
        stream.flush()


def _fail(node: _Runnable, error: BaseException) -> None:
    """End a node after a failed callback; log a ``DerRosError`` as one line, else a traceback."""
    if not isinstance(error, ExternalShutdownException):
        node.exit_code = 1
        unexpected = None if isinstance(error, DerRosError) else error
        logger.critical("error: %s", error, exc_info=unexpected)
    node.finished.set()


class _Ending:
    """Request to end the process, which may come before the node exists.

    Attributes:
        exit_code: Exit code for a request that did not come from the launch; 0 for others.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self._requested = False
        self._action: Callable[[], None] = lambda: None

    def then(self, action: Callable[[], None]) -> None:
        """Call ``action`` on each request, and at once if one has already come."""
        self._action = action
        if self._requested:
            action()

    def request(self, number: int) -> None:
        """Record a signal, and call the action; a launch sends SIGINT first."""
        if number != signal.SIGINT and not self._requested and is_launched():
            logger.error("%s came from outside of the launch: ending", signal.Signals(number).name)
            self.exit_code = 128 + number
        self._requested = True
        self._action()


def _catch_signals() -> _Ending:
    """Turn SIGINT, SIGTERM and SIGHUP, even if repeated, into requests to end the process."""
    ending = _Ending()
    call_on_signals(signals_to_end(), ending.request)
    return ending
