"""The study of Dynamic Experience Replay: its runs, their records and their evaluation."""
