"""Off-policy algorithms. Start with ``reference.py``."""
