"""Command-line tools: argument parsing and output around the other packages."""

INTERRUPTED = 130
"""Exit code of a tool that Ctrl-C ended, as a shell gives it: 128 + SIGINT."""
