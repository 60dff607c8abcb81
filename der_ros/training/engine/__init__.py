"""Engines that connect learner, rollout workers and replay."""
