"""Offline evaluation, simulation and the demo, behind the command line."""
