"""How it is shared: the round engine, plan, codec, checks and audit.

Pure: no clock, no sockets, no global randomness, no torch. It sees the words of a vector, never a
model.
"""
