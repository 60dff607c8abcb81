"""Live replay: recorded inputs for running nodes, and the check of their answers."""
