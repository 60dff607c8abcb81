"""Node ``cell_view``, which publishes the cell for viewers."""
