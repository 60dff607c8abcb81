"""Node ``policy_server``, which runs the policy."""
