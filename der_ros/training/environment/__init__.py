"""The environments of training: their factory, wrappers and saving."""
