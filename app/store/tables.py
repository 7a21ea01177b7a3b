"""The schema, one for SQLite and Postgres. Times are Unix seconds; ids compare bytewise on both."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Cursors page by id, so both databases must sort ids alike: bytewise.
Id = Text().with_variant(Text(collation="C"), "postgresql")
Number = BigInteger().with_variant(Integer, "sqlite")

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
    CheckConstraint("kind IN ('server', 'publishable')", name="kind"),
)

# One row: the next row number to hand out, the key that permutes row numbers, and a counter that
# moves with every change of the catalogue, so that the coordinator sees what it has not published.
catalogue = Table(
    "catalogue",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("row_key", LargeBinary, nullable=False),
    Column("next_sequence", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

items = Table(
    "items",
    metadata,
    Column("id", Id, primary_key=True),
    Column("row", Integer, nullable=False, unique=True),
    Column("content", JSON, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("deleted_at", Double),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mode", Text, nullable=False),
    # Moves with every change of what the user state is made of; the cache keeps the newest.
    Column("state_revision", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    CheckConstraint("mode IN ('device', 'vector', 'hosted')", name="mode"),
)

events = Table(
    "events",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("event_id", Id, nullable=False),
    Column("item_row", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    UniqueConstraint("user_id", "event_id"),
    Index("ix_events_user_id_at_id", "user_id", "at", "id"),
)

# What local adaptation of a hosted user yielded, by model version.
user_towers = Table(
    "user_towers",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("model_version", Integer, nullable=False),
    Column("state_revision", Integer, nullable=False),
    Column("tower", LargeBinary, nullable=False),
    Column("adapted_at", Double, nullable=False),
)

enrolment_codes = Table(
    "enrolment_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("device_id", Id),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    # JWK of the device's P-256 key; empty for the coordinator's virtual devices of hosted users.
    Column("public_key", JSON, nullable=False),
    Column("thumbprint", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False, index=True),
    Column("revoked_at", Double),
)

plans = Table(
    "plans",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
)

rounds = Table(
    "rounds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("phase", Text, nullable=False, index=True),
    Column("plan_digest", Text, ForeignKey("plans.digest"), nullable=False),
    Column("model_version", Integer, nullable=False),
    # The engine's whole state; the columns beside it are copies for queries.
    Column("state", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("reason", Text),
    Column("published_version", Integer, unique=True),
    Column("metrics", JSON),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("round_id", Integer, ForeignKey("rounds.id"), nullable=False),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("granted_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("expired", Boolean, nullable=False),
    # One lease per account and round: an account counts once, however many devices it has.
    UniqueConstraint("round_id", "user_id"),
    Index("ix_assignments_round_id_expires_at", "round_id", "expires_at"),
)

updates = Table(
    "updates",
    metadata,
    Column("assignment_id", Id, ForeignKey("assignments.id"), primary_key=True),
    Column("round_id", Integer, ForeignKey("rounds.id"), nullable=False, index=True),
    Column("body_digest", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    # The signed receipt as it was given: the same upload again gets the same bytes.
    Column("receipt", Text, nullable=False),
    # Requests of the device from assignment to receipt; null when the counter was away.
    Column("requests", Integer),
    Column("accepted_at", Double, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer, unique=True),
    Column("kind", Text, nullable=False),
    Column("round_id", Integer, ForeignKey("rounds.id"), unique=True),
    Column("catalogue_revision", Integer, nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("manifest_digest", Text, nullable=False),
    # Tower, scalars and optimiser: the coordinator's own, never served.
    Column("model_digest", Text, nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("chain", Text, nullable=False, unique=True),
    Column("published_at", Double, nullable=False),
    CheckConstraint("kind IN ('genesis', 'catalogue', 'round')", name="kind"),
)
