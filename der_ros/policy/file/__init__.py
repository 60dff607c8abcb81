"""A policy file's bytes: allowed content, sizes, checksum, and atomic writing."""
