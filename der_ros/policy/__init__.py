"""Deployment of policies: contract, ONNX export, runtime and motion governor."""
