"""`twofold demo`: from nothing to recommendations, with everything in between real."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.progress import track

from clients.python.device import Device
from clients.python.fleet import Fleet
from clients.python.fleet_counts import FleetCounts
from clients.python.model_store import LocalModel, ModelStore
from clients.python.problems import ServiceProblem
from clients.python.service_answers import Round
from clients.python.service_client import ServiceClient
from evaluation.demo.page_server import create_page
from evaluation.demo.population import enrol_shoppers, import_catalogue
from evaluation.demo.progress import RoundsDisplay
from evaluation.demo.ranks import HeldOutRanking
from evaluation.demo.results import Results
from evaluation.demo.service_process import ServiceProcess, free_port
from evaluation.demo.shop import Shop, load_shop
from evaluation.demo.shop_view import ShopView


@dataclass(frozen=True)
class DemoOptions:
    """What the command line says. folder: kept if given, else temporary."""

    data: Path | None = None
    format: str = "movielens"
    rounds: int = 40
    cohort: int = 100
    exit: bool = False
    json: Path | None = None
    port: int = 0
    folder: Path | None = None
    seed: int = 7


@dataclass
class Demo:
    """The running parts."""

    shop: Shop
    service: ServiceProcess
    client: ServiceClient
    fleet: Fleet
    models: ModelStore
    results: Results
    console: Console

    @property
    def devices(self) -> dict[str, Device]:
        """User id -> device."""
        return {device.identity.user_id: device for device in self.fleet.devices}


def run(options: DemoOptions, console: Console) -> Results:
    """Run the demo; returns what it printed.

    Raises: ValueError for data that cannot be read; RuntimeError when the service fails.
    """
    shop = load_shop(options.data, options.format)
    with ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-demo-"))
        )
        demo = _start(shop, options, folder, stack, console)
        measure(demo, options)
        demo.results.print(console)
        if options.json is not None:
            demo.results.write_json(options.json)
        if not options.exit:
            _serve_page(demo, options)
    return demo.results


def _start(
    shop: Shop, options: DemoOptions, folder: Path, stack: ExitStack, console: Console
) -> Demo:
    dataset = shop.dataset
    results = Results(dataset.name, len(dataset.histories), len(dataset.items))
    environment = {
        "TWOFOLD_EVENT_TYPES": ",".join(dataset.event_types),
        "TWOFOLD_ROUND_COHORT_TARGET": str(min(options.cohort, len(dataset.histories))),
        "TWOFOLD_ROUND_COHORT_MIN": str(max(1, min(options.cohort, len(dataset.histories)) // 2)),
        "TWOFOLD_ROUND_DEADLINE_S": "60",
        "TWOFOLD_ROUND_LEASE_S": "30",
        "TWOFOLD_RETRY_WINDOW_S": "0.2,30",
        "TWOFOLD_TICK_S": "0.05",
    }
    service = ServiceProcess(folder / "service", environment)
    with _timed(results, "start", console, "starting the service and its stores"):
        stack.callback(service.stop)
        service.start()
    client = stack.enter_context(ServiceClient(service.url, service.server_key))
    models = ModelStore(folder / "model", precision="float32", keep=True)
    with _timed(results, "enrol", console, f"{len(dataset.items)} items, one device per shopper"):
        import_catalogue(client, shop)
        fleet = enrol_shoppers(client, service.url, shop, folder / "devices", options.seed, models)
        stack.enter_context(fleet)
    return Demo(shop, service, client, fleet, models, results, console)


@contextmanager
def _timed(results: Results, name: str, console: Console, what: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(what):
        yield
    results.elapsed_s[name] = time.monotonic() - started
    console.print(f"[green]✓[/] {what} [dim]({results.elapsed_s[name]:.1f} s)[/]")


def measure(demo: Demo, options: DemoOptions) -> None:
    """Rank the held-out items before the rounds, after them, and after adaptation."""
    results, ranking = demo.results, HeldOutRanking(demo.devices, demo.shop.split.held_out)
    model = _synced(demo)
    results.ranks["popular"] = ranking.popular(model, demo.shop.popularity())
    results.ranks["before"] = ranking.shared(model)
    results.n_candidates = ranking.candidates(model)
    started = time.monotonic()
    _train(demo, options.rounds)
    results.elapsed_s["rounds"] = time.monotonic() - started
    model = _synced(demo)
    results.model_version = model.manifest.version
    results.ranks["after"] = ranking.shared(model)
    started = time.monotonic()
    for device in track(demo.fleet.devices, "adapting on the devices", console=demo.console):
        device.adapt()
    results.elapsed_s["adapt"] = time.monotonic() - started
    results.ranks["adapted"] = ranking.adapted(model)


def _synced(demo: Demo) -> LocalModel:
    synced = demo.fleet.devices[0].sync()
    model = demo.models.load()
    if model is None:
        raise RuntimeError(f"the devices could not download the model: {synced}")
    return model


def _train(demo: Demo, wanted: int) -> None:
    """Let the devices take part until enough rounds are published."""
    seen: list[Round] = []
    goal_reached = False

    def look(counts: FleetCounts) -> None:
        nonlocal seen, goal_reached
        demo.service.keep_alive()
        try:
            seen = demo.client.rounds(limit=wanted + 200)
        except ServiceProblem:
            return  # the service is away; the devices wait, and so do we
        published = [one for one in seen if one["phase"] == "published"]
        display.show(min(len(published), wanted), published[0] if published else None, counts)
        goal_reached = len(published) >= wanted

    with RoundsDisplay(demo.console, wanted) as display:
        counts = demo.fleet.run(lambda _: goal_reached, look)
    _count(demo.results, seen, counts)
    demo.results.traffic["token_calls"] = demo.service.token_calls()
    demo.results.traffic["service_restarts"] = demo.service.restarts


def _count(results: Results, rounds: list[Round], counts: FleetCounts) -> None:
    published = [one for one in rounds if one["phase"] == "published"]
    results.rounds = len(published)
    results.abandoned = sum(one["phase"] == "abandoned" for one in rounds)
    results.updates = sum(one["accepted"] for one in published)
    counted = [(one["accepted"], one["requests_per_update"]) for one in published]
    known = [(n, requests) for n, requests in counted if requests is not None]
    updates = sum(n for n, _ in known)
    total = sum(n * requests for n, requests in known)
    results.requests_per_update = round(total / updates, 3) if updates else 0.0
    results.traffic = {
        "polls": counts.waits,
        "drop_outs": counts.drop_outs,
        "replays": counts.replays,
        "retries": counts.failures,
    }


def _serve_page(demo: Demo, options: DemoOptions) -> None:
    view = ShopView(
        demo.shop, demo.service.url, demo.devices, demo.models, demo.client, demo.results
    )
    port = options.port or free_port()
    url = f"http://127.0.0.1:{port}"
    demo.console.print(
        f"\nLook at it: [bold]{url}[/]   (the service itself: {demo.service.url}/docs)"
    )
    demo.console.print("Ctrl-C ends everything.")
    uvicorn.run(create_page(view), host="127.0.0.1", port=port, log_level="warning")
