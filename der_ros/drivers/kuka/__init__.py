"""KUKA RSI over UDP: server for the PC and simulated KRC4 controller."""
