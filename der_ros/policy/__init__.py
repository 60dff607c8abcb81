"""Deployment of policies: contract, export, runtime and motion governor."""
