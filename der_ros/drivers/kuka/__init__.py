"""Server and simulated controller of KUKA RSI over UDP."""
