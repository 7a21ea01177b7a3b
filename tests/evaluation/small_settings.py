"""Settings under which Twofold learns a made-up task within seconds."""

from evaluation.simulation.rounds import RoundsSettings
from evaluation.twofold_settings import TwofoldSettings
from recsys.local_training import LocalSettings
from recsys.server_step import ServerSettings

SMALL = TwofoldSettings(
    "small",
    RoundsSettings(
        cohort_target=20,
        cohort_min=5,
        local=LocalSettings(n_cuts=4),
        server=ServerSettings(rate=3e-2, half_life_rounds=1e9, weight_decay=0.0),
    ),
    dim=8,
    content_width=4,
    history_length=20,
    n_rounds=60,
    check_every=10,
)
