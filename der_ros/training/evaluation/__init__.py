"""Evaluation of policies on held-out seeds, and the average of them that is evaluated."""
