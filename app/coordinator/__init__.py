"""The tick loop that moves rounds and publishes versions."""
