"""Event handlers: each matches some events and returns the entities to visit because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action, LaunchDescriptionEntity
from der_ros_standalone.errors import refuse_keywords
from der_ros_standalone.events import Event, ProcessEvent, ProcessExited, ProcessStarted, Shutdown

SomeEntities = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity] | None
Reaction = SomeEntities | Callable[..., SomeEntities]


class EventHandler:
    """Handler for every event that ``matcher`` accepts.

    Args:
        matcher: Returns True for the events to handle.
        entities: Entities to visit, or a function of event and context that returns them.
        handle_once: Unregister the handler after its first event.
    """

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
        """Return True if this handler handles ``event``."""
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
    """Handler for the start of ``target_action``'s process, or of any process by default."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_start: Reaction,
        **options: Any,
    ) -> None:
        super().__init__(ProcessStarted, target_action, on_start, **options)


class OnProcessExit(_OnProcess):
    """Handler for the exit of ``target_action``'s process, or of any process by default."""

    def __init__(
        self,
        *,
        target_action: Action | Callable[[Action], bool] | None = None,
        on_exit: Reaction,
        **options: Any,
    ) -> None:
        super().__init__(ProcessExited, target_action, on_exit, **options)


class OnShutdown(EventHandler):
    """Handler for the shutdown of the launch."""

    def __init__(self, *, on_shutdown: Reaction, **options: Any) -> None:
        super().__init__(
            matcher=lambda event: isinstance(event, Shutdown), entities=on_shutdown, **options
        )
