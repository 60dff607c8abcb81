"""The node that shows the cell in viewers."""
