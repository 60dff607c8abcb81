"""The learner and its loop."""
