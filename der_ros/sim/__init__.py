"""PyBullet worlds: true contact, true newtons."""
