"""Actions that start no process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from der_ros_standalone import log
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action, LaunchDescriptionEntity, visit_all
from der_ros_standalone.errors import unsupported
from der_ros_standalone.event_handlers import EventHandler
from der_ros_standalone.events import Event, ProcessExited
from der_ros_standalone.events import Shutdown as ShutdownEvent
from der_ros_standalone.substitutions import SomeSubstitutions, as_list, perform_all


class SetLaunchConfiguration(Action):
    """Action that sets a launch configuration."""

    def __init__(self, name: SomeSubstitutions, value: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name, self._value = as_list(name), as_list(value)

    def execute(self, context: LaunchContext) -> None:
        """Set the launch configuration."""
        name = perform_all(context, self._name)
        context.launch_configurations[name] = perform_all(context, self._value)


class SetEnvironmentVariable(Action):
    """Action that sets an environment variable of processes that start later."""

    def __init__(self, name: SomeSubstitutions, value: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name, self._value = as_list(name), as_list(value)

    def execute(self, context: LaunchContext) -> None:
        """Set the environment variable."""
        context.environment[perform_all(context, self._name)] = perform_all(context, self._value)


class UnsetEnvironmentVariable(Action):
    """Action that removes an environment variable of processes that start later."""

    def __init__(self, name: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._name = as_list(name)

    def execute(self, context: LaunchContext) -> None:
        """Remove the environment variable."""
        context.environment.pop(perform_all(context, self._name), None)


class _PopScope(Action):
    def execute(self, context: LaunchContext) -> None:
        context.pop_scope()


class GroupAction(Action):
    """Group of actions in a scope: configurations and variables set inside end with the group."""

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
        """Return the actions of the group."""
        return self._actions

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Open the scope, and return the actions, the last of which closes the scope."""
        settings = [SetLaunchConfiguration(k, v) for k, v in self._configurations.items()]
        if not self._scoped:
            return [*settings, *self._actions]
        context.push_scope()
        return [*settings, *self._actions, _PopScope()]


class OpaqueFunction(Action):
    """Action that calls a Python function with the context and visits the entities it returns."""

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
        """Call the function, and return the entities that it returns."""
        return self._function(context, *self._args, **self._kwargs)


class LogInfo(Action):
    """Action that prints a line of text."""

    def __init__(self, *, msg: SomeSubstitutions, **options: Any) -> None:
        super().__init__(**options)
        self._msg = as_list(msg)

    def execute(self, context: LaunchContext) -> None:
        """Print the line of text on the screen."""
        log.say("INFO", "launch.user", perform_all(context, self._msg))


class RegisterEventHandler(Action):
    """Action that registers an event handler."""

    def __init__(self, event_handler: EventHandler, **options: Any) -> None:
        super().__init__(**options)
        self.event_handler = event_handler

    def execute(self, context: LaunchContext) -> None:
        """Register the event handler in the context."""
        context.register_event_handler(self.event_handler)


class EmitEvent(Action):
    """Action that emits an event; only `Shutdown` is supported."""

    def __init__(self, *, event: Event, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(event, ShutdownEvent):
            raise unsupported(f"EmitEvent of {type(event).__name__}")
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        """Append the event to the queue of events."""
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Action that shuts the launch down.

    In the ``on_exit`` of a process it marks that process as required: if the process failed, the
    launch fails. In `ros2 launch` the exit status is 0 there, unless the handler raises an error.
    """

    def __init__(self, *, reason: str = "reason not given", **options: Any) -> None:
        super().__init__(event=ShutdownEvent(reason=reason), **options)

    def execute(self, context: LaunchContext) -> None:
        """Emit the event, and record the failure of a required process."""
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
    """Action that runs other actions after ``period`` seconds, unless the launch shuts down."""

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
        """Start the timer, and register its end on shutdown."""
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
