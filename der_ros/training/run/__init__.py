"""Training runs: options, control, folder and outcome."""
