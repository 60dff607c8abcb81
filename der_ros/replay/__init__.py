"""Prioritized replay in shards with demonstration zones, and the success pool."""
