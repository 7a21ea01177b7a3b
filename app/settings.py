"""Settings of the service, read from `TWOFOLD_*` environment variables and `.env`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.access.htu import is_origin
from federation.grid import CLIP_L2_MAX, CLIP_L2_MIN
from federation.plan import STALENESS_LIMIT

EVENT_TYPES = ("view", "cart", "purchase")
# Larger cohorts would need a coarser grid than devices can learn on.
COHORT_MAX = 100_000
BLOCK_ROWS_MAX = 2**30
WAIT_S_MAX = 30 * 86400.0
# A plan says exactly how long its updates are; this is the most that any plan may ask for.
UPDATE_BYTES_MAX = 256 << 20


class RoundSettings(BaseSettings):
    """What a round asks of its devices; becomes the plan of the next round."""

    model_config = SettingsConfigDict(
        env_prefix="TWOFOLD_ROUND_", env_file=".env", extra="ignore", frozen=True
    )

    enabled: bool = Field(True, description="Whether the coordinator opens rounds by itself.")
    cohort_target: int = Field(100, ge=1, le=COHORT_MAX, description="Updates that close a round.")
    cohort_min: int = Field(
        20, ge=1, le=COHORT_MAX, description="Quorum: fewer at the deadline abandon it."
    )
    deadline_s: float = Field(
        600.0, gt=0, le=WAIT_S_MAX, description="From opening to close or abandonment."
    )
    lease_s: float = Field(
        120.0, gt=0, le=WAIT_S_MAX, description="How long one device may hold an assignment."
    )
    hold_s_max: float = Field(
        7 * 86400.0,
        gt=0,
        le=WAIT_S_MAX,
        description="A round that waits longer to be started or resumed is abandoned.",
    )
    pause_s: float = Field(0.0, ge=0, description="Rest between two rounds.")
    max_staleness: int = Field(
        0,
        ge=0,
        le=STALENESS_LIMIT,
        description="Above 0 rounds are buffered: updates may be so many model steps behind.",
    )
    concurrency: int | None = Field(
        None,
        ge=1,
        le=COHORT_MAX,
        description="Devices that train at once; buffered rounds, default 2 cohorts.",
    )
    refill: int = Field(
        1, ge=1, le=COHORT_MAX, description="Free places that it takes to invite again."
    )
    min_separation: int = Field(
        0, ge=0, le=COHORT_MAX, description="Rounds that an account rests after one with it."
    )
    participations_max: int = Field(
        0, ge=0, le=COHORT_MAX, description="Rounds that may ever count an account; 0: no cap."
    )
    clip_l2: float = Field(
        1.3, ge=CLIP_L2_MIN, le=CLIP_L2_MAX, description="L2 bound of one device's update."
    )
    block_rows: int = Field(
        4096, ge=1, le=BLOCK_ROWS_MAX, description="Most item rows that one round trains."
    )

    @model_validator(mode="after")
    def _quorum_fits(self) -> Self:
        if self.cohort_min > self.cohort_target:
            raise ValueError("cohort_min must not exceed cohort_target")
        if self.concurrency is not None and self.max_staleness == 0:
            raise ValueError("concurrency needs a max_staleness above 0")
        if self.refill > (self.places if self.max_staleness else self.cohort_target):
            raise ValueError("refill must not exceed the places of a round")
        return self

    @property
    def places(self) -> int:
        """FedBuff's concurrency: devices of a buffered round that may train at once."""
        return self.concurrency or 2 * self.cohort_target


class LimitSettings(BaseSettings):
    """How often callers may ask; 0: as often as they like. Each worker counts for itself."""

    model_config = SettingsConfigDict(
        env_prefix="TWOFOLD_LIMIT_", env_file=".env", extra="ignore", frozen=True
    )

    server_per_s: float = Field(
        2000.0, ge=0, description="Requests of one server key to one route, a second."
    )
    publishable_per_s: float = Field(
        500.0, ge=0, description="Requests with one publishable key to one route."
    )
    user_per_s: float = Field(20.0, ge=0, description="Requests of one user to one route.")
    device_per_s: float = Field(10.0, ge=0, description="Requests of one device to one route.")
    failures_per_s: float = Field(
        5.0, ge=0, description="Requests without a good credential from one address."
    )
    burst_s: float = Field(
        10.0, gt=0, le=3600, description="A rested caller may send so many seconds' worth at once."
    )

    @classmethod
    def none(cls) -> Self:
        """Everybody as often as they like."""
        return cls(
            _env_file=None,
            server_per_s=0,
            publishable_per_s=0,
            user_per_s=0,
            device_per_s=0,
            failures_per_s=0,
        )

    @property
    def per_s(self) -> dict[str, float]:
        """Rate by kind of caller."""
        return {
            "server": self.server_per_s,
            "publishable": self.publishable_per_s,
            "user": self.user_per_s,
            "device": self.device_per_s,
            "failures": self.failures_per_s,
        }


class Settings(BaseSettings):
    """One frozen object per process; every limit of the edge is here."""

    model_config = SettingsConfigDict(
        env_prefix="TWOFOLD_", env_file=".env", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path(".twofold"), description="Blobs, the embedded database, secrets.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in `data_dir`.")
    redis_url: str = Field("", description="redis:// or unix:// URL; empty: an embedded server.")
    public_url: str = Field(
        "", description="Address that devices' proofs must name; empty: their path alone counts."
    )
    secret: SecretStr = Field(SecretStr(""), description="Signs tokens; empty: kept in `data_dir`.")
    server_key: SecretStr = Field(SecretStr(""), description="Bootstrap key; empty: generated.")
    publishable_key: SecretStr = Field(SecretStr(""), description="Likewise, for pages.")
    receipt_key: SecretStr = Field(
        SecretStr(""), description="Signs receipts: P-256, PEM; empty: kept in `data_dir`."
    )

    event_types: Annotated[tuple[str, ...], NoDecode] = Field(
        EVENT_TYPES, description="Comma-separated; an operator may append types, never reorder."
    )
    dim: int = Field(64, ge=2, le=512, description="Embedding width of a new model.")
    history_length: int = Field(200, ge=1, le=1000, description="Events that make up user state.")
    rankable_versions: int = Field(5, ge=1, description="Item tables that stay rankable.")
    live_after_s: float = Field(
        86400.0, gt=0, description="Longest wait of a version for a cohort that measures it."
    )
    audit_versions: int = Field(
        100, ge=1, description="Newest versions that can be rebuilt from their records."
    )

    events_kept_s: float = Field(
        730 * 86400.0, ge=0, description="Events of hosted users are deleted then; 0: never."
    )
    user_token_ttl_s: float = Field(3600.0, gt=0, description="Life of a user token.")
    device_token_ttl_s: float = Field(3600.0, gt=0, description="Life of a device token.")
    enrolment_code_ttl_s: float = Field(7 * 86400.0, gt=0, description="Life of an enrolment code.")
    user_state_ttl_s: float = Field(3600.0, gt=0, description="Life of cached user state.")
    user_vector_ttl_s: float = Field(3600.0, gt=0, description="Life of a posted user vector.")
    cache_timeout_s: float = Field(0.25, gt=0, description="Longest wait for Redis.")
    database_timeout_s: float = Field(1.0, gt=0, description="Longest wait on a degraded read.")
    json_body_bytes_max: int = Field(1 << 20, gt=0, description="Largest JSON body.")
    import_body_bytes_max: int = Field(64 << 20, gt=0, description="Largest catalogue import.")
    receive_head_s: float = Field(
        10.0, gt=0, description="A connection whose request has no whole head by then is closed."
    )
    receive_body_s: float = Field(
        30.0, gt=0, description="Time for a body, beside what its length takes at the least rate."
    )
    send_s: float = Field(30.0, gt=0, description="Time for a peer to read an answer, likewise.")
    transfer_rate_min: float = Field(
        16384.0, gt=0, description="Least rate, bytes a second, of bodies and answers."
    )
    connections_max: int = Field(
        2000, ge=1, description="Connections of one worker; idle ones make room for newcomers."
    )
    reduce_job_updates: int = Field(50, ge=1, le=100, description="Updates of a partial sum.")
    job_lease_s: float = Field(
        3.0, gt=0, description="A job whose holder is silent for so long is another's."
    )
    tick_s: float = Field(0.1, gt=0, description="Pause between two looks of the coordinator.")
    retry_window_s: Annotated[tuple[float, float], NoDecode] = Field(
        (1.0, 86400.0), description="Bounds of 'come back between': least and most."
    )
    rounds: RoundSettings = Field(default_factory=lambda: RoundSettings())
    limits: LimitSettings = Field(default_factory=lambda: LimitSettings())

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("event_types", "retry_window_s"):
            text = values.get(name)
            if isinstance(text, str):
                values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _types_keep_their_places(self) -> Self:
        if len(set(self.event_types)) != len(self.event_types) or not self.event_types:
            raise ValueError("event_types must be distinct and not empty")
        return self

    @model_validator(mode="after")
    def _public_url_is_one(self) -> Self:
        if self.public_url and not is_origin(self.public_url):
            raise ValueError("public_url must be an http or https address")
        return self

    @property
    def resolved_database_url(self) -> str:
        """The URL with its async driver; the embedded default is SQLite in `data_dir`."""
        url = self.database_url or f"sqlite:///{self.data_dir.resolve() / 'twofold.db'}"
        for plain, driver in (
            ("sqlite:", "sqlite+aiosqlite:"),
            ("postgresql:", "postgresql+asyncpg:"),
            ("postgres:", "postgresql+asyncpg:"),
        ):
            if url.startswith(plain):
                return url.replace(plain, driver, 1)
        return url
