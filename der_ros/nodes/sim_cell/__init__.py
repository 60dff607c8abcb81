"""The node that simulates a cell over the real wire protocols."""
