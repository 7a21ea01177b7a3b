"""The application factory: `uvicorn app.main:app`, or `twofold serve`."""

from functools import cached_property

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from app.access.possession import NonceHeader
from app.access.throttling import Throttle
from app.audit.endpoints import router as audit
from app.clock import Clock, system_clock
from app.conditional import conditional_body, json_bytes
from app.devices.endpoints import router as devices
from app.errors import install_error_handlers
from app.events.endpoints import router as events
from app.items.endpoints import router as items
from app.items.import_endpoint import router as item_import
from app.keys.endpoints import router as keys
from app.middleware import BodyLimitProblem, Observe, RawPath, SecurityHeaders
from app.models.endpoints import router as models
from app.models.order_endpoints import router as version_orders
from app.operations.endpoints import router as operations
from app.problem_schema import PROBLEM_RESPONSES
from app.receipts.endpoints import router as receipts
from app.receipts.endpoints import well_known
from app.recommendations.endpoints import router as recommendations
from app.rounds.endpoints import router as rounds
from app.rounds.operator_endpoints import router as round_steering
from app.rounds.order_endpoints import router as round_orders
from app.settings import Settings
from app.store.outage import install_outage_handlers
from app.users.endpoints import router as users
from app.wiring import lifespan

DESCRIPTION = (
    "A federated recommender: one item tower that everybody shares, one user tower that never "
    "leaves its user."
)


class Service(FastAPI):
    """FastAPI, with a problem document where its body limiter would answer in plain text.

    And with its description written once: everybody may ask for it, and writing takes milliseconds.
    """

    def setup(self) -> None:
        """The framework's own routes, behind ours for the description."""
        assert self.openapi_url is not None
        self.add_route(self.openapi_url, self._described, include_in_schema=False)
        super().setup()

    async def _described(self, request: Request) -> Response:
        return conditional_body(request.headers.get("if-none-match"), self._description)

    @cached_property
    def _description(self) -> bytes:
        return json_bytes(self.openapi())

    def build_middleware_stack(self) -> ASGIApp:
        """The framework's own stack inside `BodyLimitProblem`; headers are for its answers, too."""
        return SecurityHeaders(BodyLimitProblem(super().build_middleware_stack()))


def create_app(
    settings: Settings | None = None, redis_url: str | None = None, clock: Clock = system_clock
) -> FastAPI:
    """The service over the given stores; connects at start-up, not here.

    redis_url: of a running server; None takes it from the settings.
    """
    settings = settings or Settings()
    url = redis_url or settings.redis_url or f"unix://{settings.data_dir.resolve()}/redis.sock"
    app = Service(
        title="Twofold",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan(settings, url, clock),
        middleware=[
            Middleware(Observe),
            Middleware(NonceHeader),
            Middleware(Throttle),
            Middleware(RawPath),
        ],
        max_body_size=settings.json_body_bytes_max,
        redirect_slashes=False,
        telemetry={"tracing": False},
    )
    install_error_handlers(app)
    install_outage_handlers(app)
    v1 = APIRouter(prefix="/v1", responses=PROBLEM_RESPONSES)
    # Before the rounds themselves: `/rounds/schedule` is no round's number.
    for router in (round_steering, round_orders):
        v1.include_router(router)
    for router in (items, users, events, devices, rounds, receipts, models, version_orders, audit):
        v1.include_router(router)
    for router in (recommendations, keys):
        v1.include_router(router)
    v1.include_router(item_import, max_body_size=settings.import_body_bytes_max)
    app.include_router(v1)
    app.include_router(operations)
    app.include_router(well_known)
    return app


app = create_app()
