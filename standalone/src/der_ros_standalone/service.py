"""Service that runs launch descriptions."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import traceback
from collections.abc import Iterable, Iterator

from der_ros_standalone import log
from der_ros_standalone.children import GUARD
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import LaunchDescription, LaunchDescriptionEntity, visit_all
from der_ros_standalone.events import Event, Shutdown

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class LaunchService:
    """Service that visits descriptions, dispatches events, and ends when nothing is pending.

    The exit status is 1 if the launch file failed, a handler raised an error, a process could not
    be started, or a required process failed. Otherwise it is 0, also after Ctrl-C.
    """

    def __init__(
        self, *, argv: Iterable[str] = (), noninteractive: bool = False, debug: bool = False
    ) -> None:
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._debug = debug
        self._entities: list[LaunchDescriptionEntity] = []
        self._interrupts = 0

    def include_launch_description(self, description: LaunchDescription) -> None:
        """Add a description, which `run` visits."""
        self._entities.append(description)

    def run(self) -> int:
        """Run until the launch has ended, and return the exit status."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            with self._failures_end_the_launch():
                for entity in self._entities:
                    visit_all(entity, self.context)
            while await self._step():
                pass
        finally:
            GUARD.close()
            for number in SIGNALS:
                loop.remove_signal_handler(number)
        return 1 if self.context.failures else 0

    async def _step(self) -> bool:
        """Handle one event or wait for the next; return False when the launch has ended."""
        context = self.context
        while context.errors:
            self._fail(context.errors.pop(0))
        event = context.next_event()
        if event is not None:
            with self._failures_end_the_launch():
                self._handle(event)
        elif context.pending:
            await context.wait()
        elif context.is_shutdown:
            return False
        else:
            self._shut_down("idle")
        return True

    def _handle(self, event: Event) -> None:
        context = self.context
        if isinstance(event, Shutdown):
            context.is_shutdown = True
        for handler in context.event_handlers:
            if handler.matches(event):
                context.locals.event = event
                try:
                    for entity in handler.handle(event, context):
                        visit_all(entity, context)
                finally:
                    del context.locals.event

    @contextlib.contextmanager
    def _failures_end_the_launch(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._debug:
            log.line("".join(traceback.format_exception(error)))
        message = f"Caught exception in launch (see debug for traceback): {error}"
        log.say("ERROR", "launch", message)
        self.context.failures.append(message)
        self._shut_down(message)

    def _shut_down(self, reason: str, *, due_to_sigint: bool = False) -> None:
        if not self.context.is_shutdown:
            self.context.is_shutdown = True
            self.context.emit_event_sync(Shutdown(reason=reason, due_to_sigint=due_to_sigint))

    def _on_signal(self, number: signal.Signals) -> None:
        self._interrupts += 1
        what = "ctrl-c (SIGINT)" if number == signal.SIGINT else number.name
        again = "" if self._interrupts == 1 else " again, ignoring..."
        log.say("WARNING", "launch", f"user interrupted with {what}{again}")
        self._shut_down(what, due_to_sigint=number == signal.SIGINT)
