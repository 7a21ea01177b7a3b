"""`twofold drill`: rounds rehearsed by virtual devices, with the real service in virtual time."""
