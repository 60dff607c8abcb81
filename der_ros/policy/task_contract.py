"""Contract of a task, also of one for which there is no policy yet."""

from __future__ import annotations

from der_ros.policy.contract import PolicyContract
from der_ros.policy.runtime import OnnxPolicy
from der_ros.policy.shipped import shipped_policies
from der_ros.tasks import make_task

CONTROL_DT_S = 0.06
"""Time between two actions without a policy file, s; that of the environments."""


def task_contract(task: str) -> PolicyContract:
    """Return the contract of the shipped policy for ``task``, or of the task if none is shipped.

    Without a policy, it has the task's speeds and no governor limits.

    Raises:
        ConfigurationError: There is no such task.
        ContractError: The shipped policy cannot be used.
    """
    shipped = shipped_policies().get(task)
    if shipped is not None:
        return OnnxPolicy.load(shipped, task).contract
    return PolicyContract.for_task(make_task(task), CONTROL_DT_S)
