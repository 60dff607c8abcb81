"""Engines, which move messages between learner, rollout workers and replay."""
