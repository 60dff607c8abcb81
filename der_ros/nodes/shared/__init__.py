"""Parts that all nodes share: process, parameters, diagnostics, QoS, topics and their sources."""
