"""Who takes part: the device runtime and the API client."""
