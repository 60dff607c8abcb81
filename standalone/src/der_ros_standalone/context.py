"""What a launch file's entities see while they are visited."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from der_ros_standalone.events import Event, EventHandler
    from der_ros_standalone.substitutions import Substitution


class LaunchContext:
    """The state of one launch: configurations, environment, event handlers and queued events.

    Attributes:
        launch_configurations: values of the launch arguments, always text.
        environment: what launched processes inherit.
        locals: facts about the moment, such as ``locals.event`` inside an event handler.
        is_shutdown: True from the moment that the launch begins to end.
        failures: sentences that make the launch's exit status 1.
        errors: errors of background tasks, each of which ends the launch.
    """

    def __init__(self, *, noninteractive: bool = False) -> None:
        self.launch_configurations: dict[str, str] = {}
        self.environment: MutableMapping[str, str] = dict(os.environ)
        self.locals = SimpleNamespace()
        self.is_shutdown = False
        self.noninteractive = noninteractive
        self.failures: list[str] = []
        self.errors: list[BaseException] = []
        self.pending: set[asyncio.Task[None]] = set()
        self._handlers: list[EventHandler] = []
        self._events: deque[Event] = deque()
        self._saved: list[tuple[dict[str, str], dict[str, str]]] = []
        self._wakeup: asyncio.Event | None = None

    def perform_substitution(self, substitution: Substitution) -> str:
        """Return the text that ``substitution`` stands for."""
        return substitution.perform(self)

    def register_event_handler(self, handler: EventHandler) -> None:
        """Have ``handler`` see every later event; the newest handler is asked first."""
        self._handlers.insert(0, handler)

    def unregister_event_handler(self, handler: EventHandler) -> None:
        """Forget ``handler``."""
        self._handlers.remove(handler)

    @property
    def event_handlers(self) -> tuple[EventHandler, ...]:
        """The handlers in the order in which they are asked."""
        return tuple(self._handlers)

    def emit_event_sync(self, event: Event) -> None:
        """Queue ``event``."""
        self._events.append(event)
        self.wake()

    def next_event(self) -> Event | None:
        """Take the oldest queued event, or None."""
        return self._events.popleft() if self._events else None

    def push_scope(self) -> None:
        """Remember configurations and environment, to be restored by `pop_scope`."""
        self._saved.append((dict(self.launch_configurations), dict(self.environment)))

    def pop_scope(self) -> None:
        """Restore what the matching `push_scope` remembered."""
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
        """Let the launch look at its events again."""
        if self._wakeup is not None:
            self._wakeup.set()

    async def wait(self) -> None:
        """Return when there may be something to do."""
        if self._wakeup is None:
            self._wakeup = asyncio.Event()
        if not self._events:
            await self._wakeup.wait()
        self._wakeup.clear()
