"""The engine on a Ray cluster, with actors."""
