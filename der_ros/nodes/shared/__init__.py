"""Services that every node uses: process, parameters, diagnostics, topics and their sources."""
