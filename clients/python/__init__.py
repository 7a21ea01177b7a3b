"""The Python device runtime and API client. They import neither torch nor `app`."""
