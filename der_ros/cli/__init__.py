"""Command-line tools: argument parsing and output around the other packages."""
