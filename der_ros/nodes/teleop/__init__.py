"""Nodes for teleoperation: input device, recorder of demonstrations, takeover in training."""
