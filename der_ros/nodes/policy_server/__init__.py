"""The node that runs the policy."""
