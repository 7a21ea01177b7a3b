"""What every request body has in common."""

from pydantic import BaseModel, ConfigDict


class StrictBody(BaseModel):
    """No unknown field, no silent conversion, no NaN or infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
