"""The node that keeps demonstrations."""
