"""PyBullet simulation of an assembly cell: contact, compliance, arm and sensor, in SI units."""
