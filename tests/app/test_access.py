"""Credentials: what is no credential, what is a forged or late one, and what each kind may do."""

import base64
import json
import string
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

from app.access.tokens import Claims, TokenRefused, TokenSigner
from app.wiring import State

Connect = Callable[[str | None], httpx.AsyncClient]
Refused = Callable[..., Any]
SECRET = b"a secret of the tests that has thirty-two bytes at least"
ANN = "/v1/users/ann"


def signer(now: float = 1000.0) -> TokenSigner:
    """A signer with a clock that stands still."""
    return TokenSigner(SECRET, lambda: now)


def forged(claims: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    """A token with any claims."""
    key = OctKey.import_key(secret)
    return jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def segment(value: Any) -> str:
    """One part of a compact JWS."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


NO_CREDENTIALS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic dXNlcjpwYXNz",
    "Token abc",
    "bearer",
    "Bearer  ",
]


async def test_no_credential(
    anonymous: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for header in NO_CREDENTIALS:
        with subtests.test(repr(header)[:60]):
            sending = anonymous.get(ANN, headers={"Authorization": header})
            await refused(sending, 401, "unauthorised")


async def test_a_refusal_carries_the_challenge(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get(ANN)).headers["www-authenticate"] == "Bearer"


NONSENSE = [
    b"x",
    b"..",
    b"a.b.c",
    b"\xff\xfe.\xff.\xff",
    "é.é.é".encode(),
    b"x" * 5000,
    b"eyJhbGciOiJub25lIn0.e30.",
    b"tf_other_x",
]


async def test_nonsense(
    anonymous: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for credential in NONSENSE:
        with subtests.test(repr(credential)[:60]):
            headers = {b"Authorization": b"Bearer " + credential}
            await refused(anonymous.get(ANN, headers=headers), 401, "token_invalid")


UNKNOWN_KEYS = [b"tf_server_", b"tf_server_x", b"tf_pub_\xff"]


async def test_unknown_key(
    anonymous: httpx.AsyncClient, refused: Refused, subtests: pytest.Subtests
) -> None:
    for credential in UNKNOWN_KEYS:
        with subtests.test(repr(credential)[:60]):
            headers = {b"Authorization": b"Bearer " + credential}
            await refused(anonymous.get("/v1/items", headers=headers), 401, "key_invalid")


GOOD = {"typ": "user", "sub": "ann", "usr": "ann", "exp": 2000.0}


@pytest.mark.parametrize(
    "token",
    [
        forged(GOOD, b"another secret that has thirty-two bytes"),
        forged(GOOD, SECRET * 2, "HS512"),
        forged({**GOOD, "typ": "server"}),
        forged({**GOOD, "typ": ["user"]}),
        forged({**GOOD, "exp": "2000"}),
        forged({**GOOD, "typ": "device"}),
        forged({**GOOD, "typ": "device", "cnf": "key"}),
        forged({**GOOD, "typ": "device", "cnf": {"jkt": 1}}),
        forged({**GOOD, "cnf": {"jkt": "key"}}),
        *(forged({k: v for k, v in GOOD.items() if k != left_out}) for left_out in GOOD),
        f"{segment({'alg': 'none'})}.{segment(GOOD)}.",
        f"{segment({'alg': 'HS256'})}.{segment(GOOD)}.",
        f"{segment({'alg': 'HS256', 'crit': ['x']})}.{segment(GOOD)}.AAAA",
        f"{segment([])}.{segment([])}.AAAA",
        f"{segment({'alg': {}})}.{segment(GOOD)}.AAAA",
    ],
)
def test_forged_tokens(token: str) -> None:
    assert signer().verify(token) == TokenRefused("token_invalid")


@given(st.text(max_size=300) | st.text(alphabet=string.ascii_letters + "._-", max_size=300))
def test_any_text_is_refused_and_never_an_error(text: str) -> None:
    assert signer().verify(text) == TokenRefused("token_invalid")


@given(
    st.dictionaries(
        st.sampled_from(["typ", "sub", "usr", "iat", "exp"]),
        st.none() | st.integers() | st.text() | st.sampled_from(["user", "device", 1e9, True]),
    )
)
def test_any_signed_claims_are_read_or_refused(claims: dict[str, Any]) -> None:
    assert isinstance(signer().verify(forged(claims)), Claims | TokenRefused)


def test_a_token_ends_at_its_second() -> None:
    token = signer(1000.0).mint("user", "ann", "ann", 60.0)
    assert isinstance(signer(1059.999).verify(token), Claims)
    assert signer(1060.0).verify(token) == TokenRefused("token_expired")


@given(st.text(min_size=1, max_size=32))
def test_a_minted_token_is_read_back(user_id: str) -> None:
    token = signer().mint("device", "d1", user_id, 60.0, thumbprint="key")
    assert signer().verify(token) == Claims("device", "d1", user_id, 1060.0, thumbprint="key")


async def test_a_revoked_key_is_refused_by_other_workers_within_seconds(
    client: httpx.AsyncClient, connect: Connect, state: State, clock: Any
) -> None:
    made = (await client.post("/v1/keys", json={"kind": "publishable"})).json()
    page = connect(made["key"])
    assert (await page.get("/v1/items")).status_code == 200
    kept = dict(state["known_keys"]._kept)  # as another worker, which was not asked, keeps it
    await client.delete(f"/v1/keys/{made['id']}")
    state["known_keys"]._kept.update(kept)
    assert (await page.get("/v1/items")).status_code == 200
    clock.now += 5
    assert (await page.get("/v1/items")).status_code == 401
