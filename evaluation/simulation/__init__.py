"""Federated rounds without a network: the service's plans, sums and server step, many devices."""
