"""The node that runs attempts."""
