"""The study of Dynamic Experience Replay: its runs, their records, and what is computed of them."""
