"""A hand-written policy for the square peg, to test the path from a policy file to the cell.

It has the form of a learned one: folded observations, linear layers and a clamp.
"""

from pathlib import Path

import torch

from der_ros.envs.assembly import default_limits
from der_ros.policy.contract import PolicyContract
from der_ros.policy.export import export_policy
from der_ros.tasks import make_task

X, Y, Z, QX, QY, QZ = range(6)
# The peg goes down within 1.6 mrad, and at any angle below 28 mm, in the hole's mouth.
ALIGNED, MOUTH_M = 0.0008, 0.028


class TurnThenPush(torch.nn.Module):
    """Turns a folded peg upright and to the nearest quarter turn above the hole, then pushes."""

    def __init__(self):
        super().__init__()
        self.seen, self.held = torch.nn.Linear(13, 3), torch.nn.Linear(3, 1)
        self.led, self.raised = torch.nn.Linear(13, 6), torch.nn.Linear(1, 6)
        for layer in (self.seen, self.held, self.led, self.raised):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self._wire()

    def _wire(self):
        # Angle beyond alignment on either side, and depth in the mouth.
        self.seen.weight[0, QZ], self.seen.weight[1, QZ] = 1000.0, -1000.0
        self.seen.weight[2, Z] = -1000.0
        self.seen.bias[:] = torch.tensor((-1000.0 * ALIGNED, -1000.0 * ALIGNED, 1000.0 * MOUTH_M))
        self.held.weight[0] = torch.tensor((1.0, 1.0, -1000.0))
        self.raised.weight[2, 0] = 1.0
        self.led.bias[2] = -1.0
        for action, (number, gain) in enumerate(
            ((X, 100.0), (Y, 100.0), (Z, 0.0), (QX, 66.0), (QY, 66.0), (QZ, 66.0))
        ):
            self.led.weight[action, number] = -gain

    def forward(self, observation):
        wrong = torch.relu(self.seen(observation))
        hold = torch.clamp(self.held(wrong), 0.0, 1.0)
        return torch.clamp(self.led(observation) + self.raised(hold), -1.0, 1.0)


def write_peg_policy(path: Path) -> None:
    """Export the policy as training does."""
    task = make_task("peg_in_hole")
    contract = PolicyContract.for_task(task, 0.06, default_limits(task), symmetry=task.symmetry)
    export_policy(TurnThenPush(), None, None, 1.0, contract, path, {})
