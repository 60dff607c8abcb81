"""The action that runs a process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from der_ros_standalone import log
from der_ros_standalone.boolean_substitutions import truth
from der_ros_standalone.children import Child
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action, LaunchDescriptionEntity
from der_ros_standalone.errors import LaunchError, unsupported
from der_ros_standalone.event_handlers import OnProcessExit, OnShutdown, Reaction
from der_ros_standalone.events import Event, ProcessExited, ProcessStarted
from der_ros_standalone.substitutions import (
    LaunchConfiguration,
    SomeSubstitutions,
    as_list,
    perform_all,
)

# By value of `output`: (show standard output, show standard error).
ON_SCREEN = {
    "screen": (True, True),
    "both": (True, True),
    "log": (False, True),
    "own_log": (False, False),
    "full": (True, True),
}
_numbers = itertools.count(1)


class ExecuteProcess(Action):
    """Action that runs a process.

    When the launch shuts down, the process gets SIGINT, ``sigterm_timeout`` seconds later SIGTERM,
    and ``sigkill_timeout`` seconds after that SIGKILL.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutions],
        name: SomeSubstitutions | None = None,
        cwd: SomeSubstitutions | None = None,
        env: Mapping[Any, SomeSubstitutions] | None = None,
        additional_env: Mapping[Any, SomeSubstitutions] | None = None,
        output: SomeSubstitutions = "log",
        emulate_tty: bool = False,
        shell: bool = False,
        log_cmd: bool = False,
        sigterm_timeout: SomeSubstitutions | None = None,
        sigkill_timeout: SomeSubstitutions | None = None,
        on_exit: Reaction = None,
        respawn: bool | SomeSubstitutions = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if shell:
            raise unsupported("ExecuteProcess(shell=True)")
        if isinstance(output, Mapping):
            raise unsupported("ExecuteProcess(output={...})")
        self.cmd = [as_list(part) for part in cmd]
        self._name = None if name is None else as_list(name)
        self._cwd = None if cwd is None else as_list(cwd)
        self._env = None if env is None else dict(env)
        self._additional_env = dict(additional_env or {})
        self._output = as_list(os.environ.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT") or output)
        self._emulate_tty = emulate_tty
        self._log_cmd = log_cmd
        self._timeouts = tuple(
            as_list(LaunchConfiguration(name, default="5") if value is None else value)
            for name, value in (
                ("sigterm_timeout", sigterm_timeout),
                ("sigkill_timeout", sigkill_timeout),
            )
        )
        self._on_exit = on_exit
        respawning = str(respawn).lower() if isinstance(respawn, bool) else respawn
        self._respawn = as_list(respawning)
        self._respawn_delay_s = respawn_delay or 0.0
        self._retries = itertools.count() if respawn_max_retries < 0 else range(respawn_max_retries)
        self._child: Child | None = None
        self._ending: asyncio.Task[None] | None = None
        self.label = ""

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the actions of ``on_exit``."""
        return list(self._on_exit) if isinstance(self._on_exit, list) else []

    def execute(self, context: LaunchContext) -> None:
        """Start the process; the launch runs at least until the process has ended."""
        if context.is_shutdown:
            return
        try:
            self._start(context)
        except BaseException:
            self.forget()
            raise

    def _start(self, context: LaunchContext) -> None:
        cmd = self.command(context)
        name = os.path.basename(cmd[0]) if self._name is None else perform_all(context, self._name)
        self.label = f"{name}-{next(_numbers)}"
        facts = {
            "cmd": cmd,
            "cwd": None if self._cwd is None else perform_all(context, self._cwd),
            "env": self._environment(context),
        }
        sinks = self._sinks(context)
        self._timeouts_s = tuple(float(perform_all(context, t)) for t in self._timeouts)
        if self._on_exit is not None:
            context.register_event_handler(OnProcessExit(target_action=self, on_exit=self._on_exit))
        context.register_event_handler(OnShutdown(on_shutdown=self._on_shutdown))
        respawn = truth(perform_all(context, self._respawn))
        context.start(asyncio.ensure_future(self._run(context, facts, sinks, respawn)))

    def command(self, context: LaunchContext) -> list[str]:
        """Return the command line in this context."""
        return [perform_all(context, part) for part in self.cmd]

    def _environment(self, context: LaunchContext) -> dict[str, str]:
        source = dict(context.environment) if self._env is None else self._env
        environment: dict[str, str] = {}
        for name, value in [*source.items(), *self._additional_env.items()]:
            environment[perform_all(context, as_list(name))] = perform_all(context, as_list(value))
        return environment

    def _sinks(self, context: LaunchContext) -> tuple[Callable[[str], None], Callable[[str], None]]:
        output = perform_all(context, self._output)
        if output not in ON_SCREEN:
            raise LaunchError(f"expected output to be one of {list(ON_SCREEN)}, got '{output}'")

        def show(line: str) -> None:
            log.line(f"[{self.label}] {line}")

        def drop(line: str) -> None:
            """Discard the line: there are no log files."""

        out, err = (show if shown else drop for shown in ON_SCREEN[output])
        return out, err

    async def _run(
        self,
        context: LaunchContext,
        facts: dict[str, Any],
        sinks: tuple[Callable[[str], None], Callable[[str], None]],
        respawn: bool,
    ) -> None:
        try:
            await self._run_once(context, facts, sinks)
            for _ in self._retries if respawn else ():
                if await self._shuts_down_within(context, self._respawn_delay_s):
                    break
                await self._run_once(context, facts, sinks)
        finally:
            self.forget()

    def forget(self) -> None:
        """Remove temporary files; called when the process does not run and will not run again."""

    async def _shuts_down_within(self, context: LaunchContext, delay_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + delay_s
        while not context.is_shutdown and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        return context.is_shutdown

    async def _run_once(
        self,
        context: LaunchContext,
        facts: dict[str, Any],
        sinks: tuple[Callable[[str], None], Callable[[str], None]],
    ) -> None:
        cmd = facts["cmd"]
        if self._log_cmd:
            log.say("INFO", self.label, f"process details: cmd='{' '.join(cmd)}'")
        try:
            child = await Child.start(
                cmd, cwd=facts["cwd"], env=facts["env"], terminal=self._emulate_tty, sinks=sinks
            )
        except OSError as error:
            raise LaunchError(f"{self.label} cannot be started: {error}") from error
        self._child = child
        log.say("INFO", self.label, f"process started with pid [{child.pid}]")
        event_facts = {**facts, "action": self, "process_name": self.label, "pid": child.pid}
        context.emit_event_sync(ProcessStarted(**event_facts))
        if context.is_shutdown:
            self._begin_ending(context)
        returncode = await child.wait()
        self._child = None
        self._report(child.pid, returncode, cmd)
        context.emit_event_sync(ProcessExited(**event_facts, returncode=returncode))

    def _report(self, pid: int, returncode: int, cmd: list[str]) -> None:
        if returncode == 0:
            log.say("INFO", self.label, f"process has finished cleanly [pid {pid}]")
            return
        words = " ".join(word for word in cmd if word.strip())
        log.say(
            "ERROR",
            self.label,
            f"process has died [pid {pid}, exit code {returncode}, cmd '{words}'].",
        )

    def _on_shutdown(self, event: Event, context: LaunchContext) -> None:
        self._begin_ending(context)

    def _begin_ending(self, context: LaunchContext) -> None:
        if self._child is not None and self._ending is None:
            self._ending = asyncio.ensure_future(self._end(self._child))
            context.start(self._ending)

    async def _end(self, child: Child) -> None:
        self._send(child, signal.SIGINT)
        sigterm_s, sigkill_s = self._timeouts_s
        steps = (
            (sigterm_s, signal.SIGINT, signal.SIGTERM),
            (sigkill_s, signal.SIGTERM, signal.SIGKILL),
        )
        for timeout_s, tried, following in steps:
            if await self._ends_within(timeout_s):
                return
            log.say(
                "ERROR",
                self.label,
                f"process[{self.label}] failed to terminate '{timeout_s:g}' seconds after "
                f"receiving '{tried.name}', escalating to '{following.name}'",
            )
            self._send(child, following)

    async def _ends_within(self, timeout_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._child is not None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        return self._child is None

    def _send(self, child: Child, number: signal.Signals) -> None:
        log.say("INFO", self.label, f"sending signal '{number.name}' to process[{self.label}]")
        with contextlib.suppress(ProcessLookupError):
            child.signal(number)
