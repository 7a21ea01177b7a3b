"""Prometheus metrics of one worker, in a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest


class Metrics:
    """Counters that the routes move. Labels are route templates and stable reasons, never ids."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "twofold_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "twofold_request_seconds",
            "Time to answer, by route.",
            ("route",),
            registry=self.registry,
        )
        self.protocol = Counter(
            "twofold_protocol_requests",
            "Requests of devices by step of the protocol and outcome.",
            ("step", "outcome"),
            registry=self.registry,
        )
        self.recommendations = Counter(
            "twofold_recommendations",
            "Recommended items by source.",
            ("source",),
            registry=self.registry,
        )

    def observe_request(self, method: str, route: str, status: int, elapsed_s: float) -> None:
        """One answered request."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(route).observe(elapsed_s)

    def render(self) -> bytes:
        """The Prometheus text exposition."""
        return generate_latest(self.registry)
