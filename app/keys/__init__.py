"""Server and publishable keys: made, listed without their secrets, revoked."""
