"""What a launch file returns: a description that holds actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from der_ros_standalone.conditions import Condition
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.errors import refuse_keywords

if TYPE_CHECKING:
    from der_ros_standalone.actions import DeclareLaunchArgument


class LaunchDescriptionEntity:
    """Anything that a launch description can hold."""

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do it, and return what is to be visited next, below it."""
        raise NotImplementedError

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the entities below, as far as they are known before launching."""
        return []


class Action(LaunchDescriptionEntity):
    """An intention to do something, on a condition."""

    def __init__(self, *, condition: Condition | None = None, **unknown: object) -> None:
        refuse_keywords(type(self).__name__, unknown)
        self.condition = condition

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Execute, if the condition holds."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Do it; return what is to be visited next."""
        return None


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities, visited in order."""

    def __init__(
        self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None, **unknown: object
    ) -> None:
        refuse_keywords("LaunchDescription", unknown)
        self.entities = list(initial_entities or [])

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Return the entities."""
        return self.entities

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the entities."""
        return self.entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append ``entity``."""
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append ``action``."""
        self.add_entity(action)

    def get_launch_arguments(self) -> list[DeclareLaunchArgument]:
        """Return the declared arguments here and below; of equal names the first."""
        return [argument for argument, _ in declared_arguments(self)]


def declared_arguments(
    entity: LaunchDescriptionEntity, conditional: bool = False
) -> list[tuple[DeclareLaunchArgument, bool]]:
    """Return the arguments declared at and below ``entity``, and whether a condition rules them."""
    from der_ros_standalone.actions import DeclareLaunchArgument

    found: dict[str, tuple[DeclareLaunchArgument, bool]] = {}
    conditional = conditional or getattr(entity, "condition", None) is not None
    if isinstance(entity, DeclareLaunchArgument):
        found[entity.name] = (entity, conditional)
    for child in entity.children():
        for argument, ruled in declared_arguments(child, conditional):
            found.setdefault(argument.name, (argument, ruled))
    return list(found.values())


def visit_all(entity: LaunchDescriptionEntity, context: LaunchContext) -> None:
    """Visit ``entity`` and all that comes of it, depth first."""
    for child in entity.visit(context) or []:
        visit_all(child, context)
