"""Command-line tools: thin shells around the other rooms."""
