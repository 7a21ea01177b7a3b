"""Real processes, stores, disks and networks that fail."""
