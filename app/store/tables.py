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
    # What a server key was made for, sorted; none of them for other keys.
    Column("scopes", JSON, nullable=False),
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
    Index("ix_events_received_at", "received_at"),
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
    # Enrols a further device without the approval of one that is there.
    Column("replaces", Boolean, nullable=False),
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
    # Null while the round is scheduled.
    Column("opened_at", Double),
    Column("ended_at", Double),
    Column("reason", Text),
    Column("published_version", Integer, unique=True),
    Column("metrics", JSON),
    # What the round was planned from (`app.rounds.order_settings`), so that it can be retried.
    Column("settings", JSON, nullable=False),
    Column("retry_of", Integer, ForeignKey("rounds.id")),
    # Why an operator held the round last.
    Column("hold_reason", Text),
)

# One row: whether rounds open by themselves (null: the settings say), and the next order's number.
# Whoever opens a round or places an order holds it, so that they take turns.
round_schedule = Table(
    "round_schedule",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("automatic", Boolean),
    Column("next_order", Integer, nullable=False),
    Column("updated_at", Double),
    CheckConstraint("id = 1", name="single_row"),
)

# Rounds that an operator asked for; the coordinator opens them in the order of their numbers.
round_orders = Table(
    "round_orders",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("settings", JSON, nullable=False),
    Column("start", Boolean, nullable=False),
    Column("retry_of", Integer, ForeignKey("rounds.id"), unique=True),
    # Hashes of the caller with its Idempotency-Key, and of what it asked for with it.
    Column("request", Text, unique=True),
    Column("request_body", Text),
    Column("created_at", Double, nullable=False),
    # Null while the order waits.
    Column("round_id", Integer, ForeignKey("rounds.id"), unique=True),
    Column("fulfilled_at", Double),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("round_id", Integer, ForeignKey("rounds.id"), nullable=False),
    # The round that takes the update: the one that granted the lease, until a later buffered round
    # takes the open lease over.
    Column("counts_in", Integer, ForeignKey("rounds.id"), nullable=False),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("granted_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("expired", Boolean, nullable=False),
    # One lease per account and sum: an account counts once, however many devices it has.
    UniqueConstraint("counts_in", "user_id"),
    Index("ix_assignments_counts_in_expires_at", "counts_in", "expires_at"),
)

updates = Table(
    "updates",
    metadata,
    Column("assignment_id", Id, ForeignKey("assignments.id"), primary_key=True),
    # The round whose sum it is in, and its place there: no two updates share one.
    Column("round_id", Integer, ForeignKey("rounds.id"), nullable=False),
    Column("position", Integer, nullable=False),
    # Model steps between the version that it was made for and the round's; never a device's word.
    Column("staleness", Integer, nullable=False),
    Column("body_digest", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    # The signed receipt as it was given: the same upload again gets the same bytes.
    Column("receipt", Text, nullable=False),
    # Of the envelope that the device signed; null for virtual devices. The envelope itself is not
    # kept: a public key can be computed from a signature, and erasure must end that.
    Column("signature_digest", Text),
    # Requests of the device from assignment to receipt; null when the counter was away.
    Column("requests", Integer),
    Column("accepted_at", Double, nullable=False),
    UniqueConstraint("round_id", "position"),
)

# Work on a closed round that one process at a time does, under a lease: parts of its sum (the
# updates at first .. last - 1), and its gate.
jobs = Table(
    "jobs",
    metadata,
    Column("round_id", Integer, ForeignKey("rounds.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("first", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
    Column("holder", Id),
    Column("lease_expires_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("done_at", Double),
    # Of the partial sum that a finished part left in the blob store.
    Column("digest", Text),
    CheckConstraint("kind IN ('reduce', 'gate')", name="kind"),
    Index("ix_jobs_done_at_lease_expires_at", "done_at", "lease_expires_at"),
)

# How often an account was counted in a published version, and in which round last.
participations = Table(
    "participations",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("counted", Integer, nullable=False),
    Column("last_round", Integer, nullable=False),
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
    # The version whose training made these rows: itself, or the one that a change of the catalogue
    # or a rollback took them from. What a cohort measures holds for all versions of one origin.
    Column("origin", Integer, nullable=False, index=True),
    # Unlike everything above these move: whether the version serves, why, since when.
    Column("standing", Text, nullable=False, index=True),
    Column("verdict", JSON),
    Column("decided_at", Double),
    # Null: it never served, and is not ranked with.
    Column("live_at", Double),
    CheckConstraint("kind IN ('genesis', 'catalogue', 'round', 'rollback')", name="kind"),
    CheckConstraint("standing IN ('candidate', 'live', 'superseded', 'rejected')", name="standing"),
)
# Whatever coordinators do to each other, at most one version serves.
Index(
    "uq_versions_live",
    versions.c.standing,
    unique=True,
    sqlite_where=versions.c.standing == "live",
    postgresql_where=versions.c.standing == "live",
)

# What operators ask the coordinator to publish. kind "version": the whole of `version` again;
# "row": the one item's row as `version` had it.
version_orders = Table(
    "version_orders",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("version", Integer, ForeignKey("versions.id"), nullable=False),
    Column("item_id", Id),
    Column("row", Integer),
    Column("state", Text, nullable=False, index=True),
    Column("reason", Text),
    Column("published_version", Integer),
    Column("requested_at", Double, nullable=False),
    Column("ended_at", Double),
    CheckConstraint("kind IN ('version', 'row')", name="kind"),
    CheckConstraint("state IN ('open', 'done', 'refused')", name="state"),
    CheckConstraint("(kind = 'row') = (row IS NOT NULL)", name="row"),
)
