"""Rollout workers: exploration, observation filter and transitions."""
