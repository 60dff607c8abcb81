"""The nodes of a person who demonstrates: the device, and the keeper of demonstrations."""
