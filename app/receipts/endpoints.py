"""`/v1/updates/{assignment_id}/proof`, and the key that checks receipts."""

from typing import Any

from fastapi import APIRouter, Response

from app.access.dependencies import DeviceCaller
from app.identifiers import PathId
from app.receipts import service
from app.receipts.schemas import KeySet, ProofView
from app.wiring import StateOf

KEYS_PATH = "/.well-known/jwks.json"

router = APIRouter(tags=["receipts"])
well_known = APIRouter(tags=["receipts"])


@router.get("/updates/{assignment_id}/proof", summary="Proof that an update was counted")
async def get_proof(state: StateOf, who: DeviceCaller, assignment_id: PathId) -> ProofView:
    """An inclusion proof of the device's own update, once its round has published."""
    return await service.prove(state, who.subject, assignment_id)


@well_known.get(KEYS_PATH, summary="Keys that check receipts", response_model=KeySet)
async def get_keys(state: StateOf, response: Response) -> dict[str, Any]:
    """A JWK set (RFC 7517), for anybody."""
    response.headers["Cache-Control"] = "public, max-age=3600"
    return {"keys": [state["receipts"].public_jwk]}
