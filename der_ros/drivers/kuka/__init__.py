"""KUKA RSI over UDP."""
