"""Off-policy learners."""
