"""Node ``sim_cell``, which simulates a cell over the real wire protocols."""
