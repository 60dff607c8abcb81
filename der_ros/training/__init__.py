"""Rollout worker, learner loop, evaluator, checkpoints, metrics, engines."""
