"""State of one launch, passed to every entity, condition, substitution and event handler."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable, MutableMapping, Sequence
from types import SimpleNamespace
from typing import Protocol

from der_ros_standalone.events import Event


class Performable(Protocol):
    """Interface of a substitution, as the context sees it."""

    def perform(self, context: LaunchContext) -> str:
        """Return the text in this context."""


class Entity(Protocol):
    """Interface of an entity, as the context sees it."""

    def visit(self, context: LaunchContext) -> Sequence[Entity] | None:
        """Run the entity, and return the entities to visit next."""


class Handler(Protocol):
    """Interface of an event handler, as the context sees it."""

    def matches(self, event: Event) -> bool:
        """Return True if the handler handles ``event``."""

    def handle(self, event: Event, context: LaunchContext) -> Sequence[Entity]:
        """Return the entities to visit because of ``event``."""


class LaunchContext:
    """State of one launch: configurations, environment, event handlers and queued events.

    Attributes:
        argv: Words ``name:=value`` of the command line, as given.
        launch_configurations: Values of the launch arguments, always text.
        environment: Environment variables that launched processes inherit.
        locals: Temporary values, such as ``locals.event`` inside an event handler.
        is_shutdown: True as soon as the launch shuts down.
        noninteractive: True if no terminal is attached.
        failures: Messages of failures; any of them makes the exit status of the launch 1.
        errors: Errors of background tasks; each of them shuts the launch down.
        pending: Background tasks that keep the launch running.
    """

    def __init__(self, *, argv: Iterable[str] = (), noninteractive: bool = False) -> None:
        self.argv = tuple(argv)
        self.launch_configurations: dict[str, str] = {}
        self.environment: MutableMapping[str, str] = dict(os.environ)
        self.locals = SimpleNamespace()
        self.is_shutdown = False
        self.noninteractive = noninteractive
        self.failures: list[str] = []
        self.errors: list[BaseException] = []
        self.pending: set[asyncio.Task[None]] = set()
        self._handlers: list[Handler] = []
        self._events: deque[Event] = deque()
        self._saved: list[tuple[dict[str, str], dict[str, str]]] = []
        self._wakeup: asyncio.Event | None = None

    def perform_substitution(self, substitution: Performable) -> str:
        """Return the text of ``substitution`` in this context."""
        return substitution.perform(self)

    def register_event_handler(self, handler: Handler) -> None:
        """Call ``handler`` for every later event, before the handlers registered so far."""
        self._handlers.insert(0, handler)

    def unregister_event_handler(self, handler: Handler) -> None:
        """Remove ``handler`` from the registered handlers."""
        self._handlers.remove(handler)

    @property
    def event_handlers(self) -> tuple[Handler, ...]:
        """Registered handlers in the order of their calls, newest first."""
        return tuple(self._handlers)

    def emit_event_sync(self, event: Event) -> None:
        """Append ``event`` to the queue of events."""
        self._events.append(event)
        self.wake()

    def next_event(self) -> Event | None:
        """Remove and return the oldest queued event; None if the queue is empty."""
        return self._events.popleft() if self._events else None

    def push_scope(self) -> None:
        """Save configurations and environment; `pop_scope` restores them."""
        self._saved.append((dict(self.launch_configurations), dict(self.environment)))

    def pop_scope(self) -> None:
        """Restore the configurations and environment of the matching `push_scope`."""
        self.launch_configurations, self.environment = self._saved.pop()

    def start(self, task: asyncio.Task[None]) -> None:
        """Keep the launch running until ``task`` is done."""
        self.pending.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.pending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)
        self.wake()

    def wake(self) -> None:
        """Make `wait` return, so that the launch reads its queue again."""
        if self._wakeup is not None:
            self._wakeup.set()

    async def wait(self) -> None:
        """Wait until `wake` is called or an event is queued."""
        if self._wakeup is None:
            self._wakeup = asyncio.Event()
        if not self._events:
            await self._wakeup.wait()
        self._wakeup.clear()
