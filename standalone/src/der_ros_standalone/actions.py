"""The actions that start no process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from der_ros_standalone import log
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action, LaunchDescriptionEntity, visit_all
from der_ros_standalone.errors import LaunchError, unsupported
from der_ros_standalone.events import Event, EventHandler, ProcessExited
from der_ros_standalone.events import Shutdown as ShutdownEvent
from der_ros_standalone.substitutions import SomeSubstitutions, as_list, perform_all


class DeclareLaunchArgument(Action):
    """Declares an argument of the launch file.

    Attributes:
        name: what stands before ``:=``.
        default_value: None if the argument is required.
        description: what `--show-args` shows, the choices included.
        choices: the allowed values, or None if every value is.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutions | None = None,
        description: str | None = None,
        choices: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.name = name
        self.choices = None if choices is None else list(choices)
        if self.choices == []:
            raise LaunchError(f"launch argument '{name}': expected at least one choice, got none")
        if (
            self.choices is not None
            and isinstance(default_value, str)
            and default_value not in self.choices
        ):
            raise LaunchError(
                f'Provided default_value "{default_value}" is not in provided choices '
                f'"{self.choices}".'
            )
        self.default_value = None if default_value is None else as_list(default_value)
        self.description = _description(description, self.choices)

    def execute(self, context: LaunchContext) -> None:
        """Give the argument its default, and check its value.

        Raises:
            LaunchError: if it has no value, or one that is no choice.
        """
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise LaunchError(f'Required launch argument "{self.name}" was not provided.')
            configurations[self.name] = perform_all(context, self.default_value)
        value = configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise LaunchError(
                f'Argument "{self.name}" provided value "{value}" is not valid. '
                f"Valid options are: {self.choices}"
            )


def _description(text: str | None, choices: list[str] | None) -> str:
    if text is None:
        return "no description given" if choices is None else f"One of: {choices}"
    if choices is None:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} Valid choices are: {choices}"


class SetLaunchConfiguration(Action):
    """Gives a launch configuration a value."""

    def __init__(self, name: SomeSubstitutions, value: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name, self._value = as_list(name), as_list(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        name = perform_all(context, self._name)
        context.launch_configurations[name] = perform_all(context, self._value)


class SetEnvironmentVariable(Action):
    """Sets a variable in the environment of the processes that are launched later."""

    def __init__(self, name: SomeSubstitutions, value: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name, self._value = as_list(name), as_list(value)

    def execute(self, context: LaunchContext) -> None:
        """Set it."""
        context.environment[perform_all(context, self._name)] = perform_all(context, self._value)


class UnsetEnvironmentVariable(Action):
    """Takes a variable out of the environment of the processes that are launched later."""

    def __init__(self, name: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name = as_list(name)

    def execute(self, context: LaunchContext) -> None:
        """Take it out."""
        context.environment.pop(perform_all(context, self._name), None)


class _PopScope(Action):
    def execute(self, context: LaunchContext) -> None:
        context.pop_scope()


class GroupAction(Action):
    """Several actions in a scope, so that what they set is forgotten after them."""

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Mapping[Any, SomeSubstitutions] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not forwarding:
            raise unsupported("GroupAction(forwarding=False)")
        self._actions = list(actions)
        self._scoped = scoped
        self._configurations = dict(launch_configurations or {})

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the actions."""
        return self._actions

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Open the scope; return the actions and what closes the scope."""
        settings = [SetLaunchConfiguration(k, v) for k, v in self._configurations.items()]
        if not self._scoped:
            return [*settings, *self._actions]
        context.push_scope()
        return [*settings, *self._actions, _PopScope()]


class OpaqueFunction(Action):
    """Calls a Python function with the context; it may return entities."""

    def __init__(
        self,
        *,
        function: Callable[..., list[LaunchDescriptionEntity] | None],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._function = function
        self._args = tuple(args)
        self._kwargs = dict(kwargs or {})

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Call it."""
        return self._function(context, *self._args, **self._kwargs)


class LogInfo(Action):
    """Prints a line."""

    def __init__(self, *, msg: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._msg = as_list(msg)

    def execute(self, context: LaunchContext) -> None:
        """Print it."""
        log.say("INFO", "launch.user", perform_all(context, self._msg))


class RegisterEventHandler(Action):
    """Has an event handler see every later event."""

    def __init__(self, event_handler: EventHandler, **options: Any) -> None:
        super().__init__(**options)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Register it."""
        context.register_event_handler(self.event_handler)


class EmitEvent(Action):
    """Emits an event."""

    def __init__(self, *, event: Event, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(event, ShutdownEvent):
            raise unsupported(f"EmitEvent of {type(event).__name__}")
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Emit it."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends the launch.

    Because a process exited (in its ``on_exit``), that process was a required one: if it failed,
    the launch fails. `ros2 launch` itself returns 0 there, unless the handler raises.
    """

    def __init__(self, *, reason: str = "reason not given", **options: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **options)

    def execute(self, context: LaunchContext) -> None:
        """Emit the event, and remember the failure of a required process."""
        event = getattr(context.locals, "event", None)
        if isinstance(event, ProcessExited):
            log.say(
                "INFO",
                "launch",
                f"process[{event.process_name}] was required: shutting down launched system",
            )
            if event.returncode != 0 and not context.is_shutdown:
                context.failures.append(f"{event.process_name} exited with {event.returncode}")
        super().execute(context)


class TimerAction(Action):
    """Does other actions after ``period`` seconds, unless the launch ends before."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutions,
        actions: Iterable[LaunchDescriptionEntity],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._period = as_list(str(period) if isinstance(period, (int, float)) else period)
        self._actions = list(actions)

    def execute(self, context: LaunchContext) -> None:
        """Start the timer."""
        period_s = float(perform_all(context, self._period))
        task = asyncio.get_running_loop().create_task(self._fire(context, period_s))
        context.start(task)

        def cancel(event: Event, context: LaunchContext) -> None:
            task.cancel()

        context.register_event_handler(
            EventHandler(matcher=lambda event: isinstance(event, ShutdownEvent), entities=cancel)
        )

    async def _fire(self, context: LaunchContext, period_s: float) -> None:
        await asyncio.sleep(period_s)
        for action in self._actions:
            visit_all(action, context)
