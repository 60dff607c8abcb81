"""What is deployed: the contract, export, runtime and the motion governor."""
