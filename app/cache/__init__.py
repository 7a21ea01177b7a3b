"""What may be lost: user state in Redis. Losing it loses nothing but time."""
