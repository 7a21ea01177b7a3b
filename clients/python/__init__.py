"""The Python device runtime and API client. numpy and hand-written gradients; never torch, never `app`."""
