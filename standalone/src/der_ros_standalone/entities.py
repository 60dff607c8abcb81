"""Entities of a launch description: base classes of actions, and the description itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from der_ros_standalone.conditions import Condition
from der_ros_standalone.context import Entity, LaunchContext
from der_ros_standalone.errors import refuse_keywords
from der_ros_standalone.substitutions import Substitution


class LaunchDescriptionEntity:
    """Base class of everything that a launch description can hold."""

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Run this entity, and return the entities to visit next."""
        raise NotImplementedError

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the entities below this one that are known before the launch."""
        return []


class Action(LaunchDescriptionEntity):
    """Base class of all actions; an action runs only if its condition holds."""

    def __init__(self, *, condition: Condition | None = None, **unknown: object) -> None:
        refuse_keywords(type(self).__name__, unknown)
        self.condition = condition

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Execute the action if its condition holds."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Run the action, and return the entities to visit next."""
        return None


class ArgumentDeclaration(Action):
    """Base class of the actions that declare a launch argument.

    Attributes:
        name: Name before ``:=``.
        default_value: Default; None if the argument is required.
        description: Text that `--show-args` prints.
    """

    def __init__(
        self,
        name: str,
        default_value: list[Substitution] | None,
        description: str,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.name = name
        self.default_value = default_value
        self.description = description


class LaunchDescription(LaunchDescriptionEntity):
    """List of entities that are visited in order."""

    def __init__(
        self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None, **unknown: object
    ) -> None:
        refuse_keywords("LaunchDescription", unknown)
        self.entities = list(initial_entities or [])

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity] | None:
        """Return the entities of this description."""
        return self.entities

    def children(self) -> list[LaunchDescriptionEntity]:
        """Return the entities of this description."""
        return self.entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append ``entity`` to this description."""
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append ``action`` to this description."""
        self.add_entity(action)

    def get_launch_arguments(self) -> list[ArgumentDeclaration]:
        """Return the declared arguments at and below this description, the first of each name."""
        return [argument for argument, _ in declared_arguments(self)]


def declared_arguments(
    entity: LaunchDescriptionEntity, conditional: bool = False
) -> list[tuple[ArgumentDeclaration, bool]]:
    """Return the arguments declared at and below ``entity``.

    The second item of each pair is True if the declaration depends on a condition.
    """
    found: dict[str, tuple[ArgumentDeclaration, bool]] = {}
    conditional = conditional or getattr(entity, "condition", None) is not None
    if isinstance(entity, ArgumentDeclaration):
        found[entity.name] = (entity, conditional)
    for child in entity.children():
        for argument, depends in declared_arguments(child, conditional):
            found.setdefault(argument.name, (argument, depends))
    return list(found.values())


def visit_all(entity: Entity, context: LaunchContext) -> None:
    """Visit ``entity`` and every entity that its visit returns, depth first."""
    for child in entity.visit(context) or []:
        visit_all(child, context)
