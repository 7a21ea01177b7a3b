"""first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalogue",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_key", sa.LargeBinary(), nullable=False),
        sa.Column("next_sequence", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalogue_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue")),
    )
    op.create_table(
        "items",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("row", name=op.f("uq_items_row")),
    )
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_items_revision"), ["revision"], unique=False)

    op.create_table(
        "keys",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.CheckConstraint("kind IN ('server', 'publishable')", name=op.f("ck_keys_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_keys_hash")),
    )
    op.create_table(
        "plans",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_plans")),
    )
    op.create_table(
        "users",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state_revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.CheckConstraint("mode IN ('device', 'vector', 'hosted')", name=op.f("ck_users_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_table(
        "devices",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("public_key", sa.JSON(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_devices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_devices_thumbprint")),
    )
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_devices_seen_at"), ["seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_devices_user_id"), ["user_id"], unique=False)

    op.create_table(
        "enrolment_codes",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column(
            "device_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_enrolment_codes_user_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_enrolment_codes")),
    )
    op.create_table(
        "events",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column(
            "event_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("item_row", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_events_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("user_id", "event_id", name=op.f("uq_events_user_id_event_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_received_at", ["received_at"], unique=False)
        batch_op.create_index("ix_events_user_id_at_id", ["user_id", "at", "id"], unique=False)

    op.create_table(
        "rounds",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("retry_of", sa.Integer(), nullable=True),
        sa.Column("hold_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["plan_digest"], ["plans.digest"], name=op.f("fk_rounds_plan_digest")
        ),
        sa.ForeignKeyConstraint(["retry_of"], ["rounds.id"], name=op.f("fk_rounds_retry_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
        sa.UniqueConstraint("published_version", name=op.f("uq_rounds_published_version")),
    )
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rounds_phase"), ["phase"], unique=False)

    op.create_table(
        "round_schedule",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=True),
        sa.Column("next_order", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_round_schedule_single_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_schedule")),
    )
    op.create_table(
        "round_orders",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("start", sa.Boolean(), nullable=False),
        sa.Column("retry_of", sa.Integer(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("fulfilled_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["retry_of"], ["rounds.id"], name=op.f("fk_round_orders_retry_of")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_orders_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_orders")),
        sa.UniqueConstraint("request", name=op.f("uq_round_orders_request")),
        sa.UniqueConstraint("retry_of", name=op.f("uq_round_orders_retry_of")),
        sa.UniqueConstraint("round_id", name=op.f("uq_round_orders_round_id")),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("catalogue_revision", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("manifest_digest", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Double(), nullable=False),
        sa.Column("origin", sa.Integer(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.Column("live_at", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('genesis', 'catalogue', 'round', 'rollback')", name=op.f("ck_versions_kind")
        ),
        sa.CheckConstraint(
            "standing IN ('candidate', 'live', 'superseded', 'rejected')",
            name=op.f("ck_versions_standing"),
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_versions_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        sa.UniqueConstraint("chain", name=op.f("uq_versions_chain")),
        sa.UniqueConstraint("parent", name=op.f("uq_versions_parent")),
        sa.UniqueConstraint("round_id", name=op.f("uq_versions_round_id")),
    )
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_versions_origin"), ["origin"], unique=False)
        batch_op.create_index(batch_op.f("ix_versions_standing"), ["standing"], unique=False)
        batch_op.create_index(
            "uq_versions_live",
            ["standing"],
            unique=True,
            sqlite_where=sa.text("standing = 'live'"),
            postgresql_where=sa.text("standing = 'live'"),
        )

    op.create_table(
        "version_orders",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "item_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column("requested_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.CheckConstraint("kind IN ('version', 'row')", name=op.f("ck_version_orders_kind")),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'refused')", name=op.f("ck_version_orders_state")
        ),
        sa.CheckConstraint(
            "(kind = 'row') = (row IS NOT NULL)", name=op.f("ck_version_orders_row")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.id"], name=op.f("fk_version_orders_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version_orders")),
    )
    with op.batch_alter_table("version_orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_version_orders_state"), ["state"], unique=False)

    op.create_table(
        "user_towers",
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("state_revision", sa.Integer(), nullable=False),
        sa.Column("tower", sa.LargeBinary(), nullable=False),
        sa.Column("adapted_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_towers_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_towers")),
    )
    op.create_table(
        "assignments",
        sa.Column(
            "id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("counts_in", sa.Integer(), nullable=False),
        sa.Column(
            "device_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("granted_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("expired", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["counts_in"], ["rounds.id"], name=op.f("fk_assignments_counts_in")
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_assignments_device_id")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_assignments_round_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_assignments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("counts_in", "user_id", name=op.f("uq_assignments_counts_in_user_id")),
    )
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_assignments_counts_in_expires_at", ["counts_in", "expires_at"], unique=False
        )

    op.create_table(
        "updates",
        sa.Column(
            "assignment_id",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("staleness", sa.Integer(), nullable=False),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("signature_digest", sa.Text(), nullable=True),
        sa.Column("requests", sa.Integer(), nullable=True),
        sa.Column("accepted_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_updates_assignment_id")
        ),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_updates_round_id")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_updates")),
        sa.UniqueConstraint("round_id", "position", name=op.f("uq_updates_round_id_position")),
    )
    op.create_table(
        "jobs",
        sa.Column("round_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column(
            "holder", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("lease_expires_at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.Double(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('reduce', 'gate')", name=op.f("ck_jobs_kind")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_jobs_round_id")),
        sa.PrimaryKeyConstraint("round_id", "kind", "first", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_jobs_done_at_lease_expires_at", ["done_at", "lease_expires_at"], unique=False
        )

    op.create_table(
        "participations",
        sa.Column(
            "user_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("last_round", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_participations_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_participations")),
    )


def downgrade() -> None:
    op.drop_table("participations")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_done_at_lease_expires_at")

    op.drop_table("jobs")
    op.drop_table("updates")
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_index("ix_assignments_counts_in_expires_at")

    op.drop_table("assignments")
    op.drop_table("user_towers")
    with op.batch_alter_table("version_orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_version_orders_state"))

    op.drop_table("version_orders")
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_index("uq_versions_live")
        batch_op.drop_index(batch_op.f("ix_versions_standing"))
        batch_op.drop_index(batch_op.f("ix_versions_origin"))

    op.drop_table("versions")
    op.drop_table("round_orders")
    op.drop_table("round_schedule")
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rounds_phase"))

    op.drop_table("rounds")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("ix_events_user_id_at_id")
        batch_op.drop_index("ix_events_received_at")

    op.drop_table("events")
    op.drop_table("enrolment_codes")
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_devices_user_id"))
        batch_op.drop_index(batch_op.f("ix_devices_seen_at"))

    op.drop_table("devices")
    op.drop_table("users")
    op.drop_table("plans")
    op.drop_table("keys")
    with op.batch_alter_table("items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_items_revision"))

    op.drop_table("items")
    op.drop_table("catalogue")
