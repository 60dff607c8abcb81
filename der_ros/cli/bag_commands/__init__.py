"""``bags`` with its sub-commands, and ``replay_bag``."""
