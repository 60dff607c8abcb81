"""``doctor`` and its checks of computer, cell and parameters."""
