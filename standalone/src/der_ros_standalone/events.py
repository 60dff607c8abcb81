"""Events of a launch, and the handlers that act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import LaunchDescriptionEntity
from der_ros_standalone.errors import refuse_keywords

if TYPE_CHECKING:
    from der_ros_standalone.entities import Action

SomeEntities = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity] | None
Reaction = SomeEntities | Callable[..., SomeEntities]


class Event:
    """Something that happened."""


@dataclass(frozen=True)
class Shutdown(Event):
    """The launch is to end."""

    reason: str = "reason not given"
    due_to_sigint: bool = False


@dataclass(frozen=True)
class ProcessEvent(Event):
    """Something happened to a process.

    Attributes:
        action: the action that started it.
        process_name: its name in the launch, such as ``talker-1``.
        pid: its process id.
    """

    action: Action
    process_name: str
    cmd: list[str]
    cwd: str | None
    env: dict[str, str] | None
    pid: int


@dataclass(frozen=True)
class ProcessStarted(ProcessEvent):
    """A process has begun."""


@dataclass(frozen=True)
class ProcessExited(ProcessEvent):
    """A process has ended; ``returncode`` is minus the number of the signal that ended it."""

    returncode: int = 0


class EventHandler:
    """Acts on the events that match."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: Reaction = None,
        handle_once: bool = False,
        **unknown: object,
    ) -> None:
        refuse_keywords(type(self).__name__, unknown)
        self._matcher = matcher
        self._reaction = entities
        self._handle_once = handle_once

    def matches(self, event: Event) -> bool:
        """Return whether this handler acts on ``event``."""
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        """Return the entities to visit because of ``event``."""
        if self._handle_once:
            context.unregister_event_handler(self)
        reaction = self._reaction
        if callable(reaction):
            reaction = reaction(event, context)
        if reaction is None:
            return []
        if isinstance(reaction, LaunchDescriptionEntity):
            return [reaction]
        return [entity for entity in reaction if entity is not None]


class _OnProcess(EventHandler):
    def __init__(
        self,
        event_type: type[ProcessEvent],
        target: Action | Callable[[Action], bool] | None,
        reaction: Reaction,
        **options: Any,
    ) -> None:
        def matcher(event: Event) -> bool:
            if not isinstance(event, event_type):
                return False
            if target is None or target is event.action:
                return True
            return callable(target) and bool(target(event.action))

        super().__init__(matcher=matcher, entities=reaction, **options)


class OnProcessStart(_OnProcess):
    """Acts when a process (of ``target_action``, or any) has begun."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_start: Reaction,
        **options: Any,
    ) -> None:
        super().__init__(ProcessStarted, target_action, on_start, **options)


class OnProcessExit(_OnProcess):
    """Acts when a process (of ``target_action``, or any) has ended."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_exit: Reaction,
        **options: Any,
    ) -> None:
        super().__init__(ProcessExited, target_action, on_exit, **options)


class OnShutdown(EventHandler):
    """Acts when the launch begins to end."""

    def __init__(self, *, on_shutdown: Reaction, **options: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown), entities=on_shutdown, **options
        )
