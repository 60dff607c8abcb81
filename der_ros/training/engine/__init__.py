"""Engines: they move messages between learner, rollout workers and replay."""
