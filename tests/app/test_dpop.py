"""Proofs of possession: what is none, claim by claim and attack by attack; then what is one."""

import base64
import hmac
import json
import string
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey

from app.access.dpop import PROOF_CHARS_MAX, Bound, Proof, ProofRefused, verify_proof
from app.access.htu import same_target
from app.access.public_keys import KEYS_MAX, PublicKeys, thumbprint_of
from tests.app.device_by_hand import new_key, public_jwk
from tests.app.dpop_by_hand import compact, proof_claims, proof_header, segment

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "dpop.json").read_text())
NOW, TOKEN, NONCE = 1_800_000_000.0, "a.token.of-a-device", "n" * 39
URL = "https://shop.example/v1/updates/7"
KEY, OTHER = new_key(), new_key()
CLAIMS = proof_claims("PUT", URL, TOKEN, NOW, NONCE)
HEADER = proof_header(KEY)
BOUND = Bound("PUT", "https://shop.example", "/v1/updates/7", TOKEN, KEY.thumbprint())


def verify(text: str, bound: Bound = BOUND, now: float = NOW) -> Proof | ProofRefused:
    return verify_proof(text, bound, PublicKeys(), now)


def reason(text: str) -> str | None:
    found = verify(text)
    return found.reason if isinstance(found, ProofRefused) else None


GOOD = compact(KEY, HEADER, CLAIMS)
HEAD, BODY, SIGNATURE = GOOD.split(".")


def r_and_s(signature: str) -> tuple[int, int]:
    raw = base64.urlsafe_b64decode(signature + "==")
    return int.from_bytes(raw[:32]), int.from_bytes(raw[32:])


def hmac_signed(header: dict[str, Any], secret: bytes) -> str:
    signing_input = f"{segment(header)}.{segment(CLAIMS)}"
    return f"{signing_input}.{segment(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def hmac_with_the_public_key() -> str:
    """The bytes of the public key as an HMAC secret (CVE-2015-9235)."""
    return hmac_signed(HEADER | {"alg": "HS256"}, KEY.as_pem(private=False))


def hmac_with_an_embedded_key() -> str:
    secret = OctKey.generate_key(256)
    return hmac_signed(
        HEADER | {"alg": "HS256", "jwk": secret.as_dict(private=True)}, secret.raw_value
    )


def with_header(**changes: Any) -> str:
    kept = {name: value for name, value in (HEADER | changes).items() if value is not None}
    return compact(KEY, kept, CLAIMS)


def with_claims(**changes: Any) -> str:
    return compact(KEY, HEADER, CLAIMS | changes)


def without(name: str) -> str:
    return compact(KEY, HEADER, {k: v for k, v in CLAIMS.items() if k != name})


JWK = public_jwk(KEY)
ATTACKS = {
    "empty": "",
    "no jws": "x",
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.x",
    "padding": f"{HEAD}.{BODY}.{SIGNATURE}==",
    "standard alphabet": f"{HEAD}.{BODY}.{'+' * 86}",
    "stray bits": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{'B' if SIGNATURE[-1] != 'B' else 'C'}",
    "white space": f"{HEAD}.{BODY}.{SIGNATURE}\n",
    "truncated": GOOD[:-4],
    "no signature": f"{HEAD}.{BODY}.",
    "zero signature": f"{HEAD}.{BODY}.{segment(bytes(64))}",
    "signature of n": f"{HEAD}.{BODY}.{segment(bytes([255]) * 64)}",
    "der signature": f"{HEAD}.{BODY}.{segment(encode_dss_signature(*r_and_s(SIGNATURE)))}",
    "oversize": with_claims(more="x" * PROOF_CHARS_MAX),
    "alg none": f"{segment(HEADER | {'alg': 'none'})}.{BODY}.",
    "alg none, signed": with_header(alg="none"),
    "alg in lower case": with_header(alg="es256"),
    "alg ES384": with_header(alg="ES384"),
    "hmac with the public key": hmac_with_the_public_key(),
    "hmac with an embedded key": hmac_with_an_embedded_key(),
    "symmetric jwk": with_header(jwk={"kty": "oct", "k": "c2VjcmV0"}),
    "private jwk": with_header(jwk=KEY.as_dict(private=True)),
    "jwk with k": with_header(jwk=JWK | {"k": "AAAA"}),
    "jwk with kid": with_header(jwk=JWK | {"kid": "1"}),
    "jwk without y": with_header(jwk={k: v for k, v in JWK.items() if k != "y"}),
    "jwk on another curve": with_header(jwk=JWK | {"crv": "P-384"}),
    "jwk off the curve": with_header(jwk=JWK | {"y": JWK["x"]}),
    "jwk of numbers": with_header(jwk=JWK | {"x": 1, "y": 2}),
    "jwk is a list": with_header(jwk=[JWK]),
    "no jwk": with_header(jwk=None),
    "crit": with_header(crit=["exp"], exp=1),
    "jku": with_header(jku="https://evil.example/keys"),
    "x5u": with_header(x5u="https://evil.example/chain"),
    "x5c": with_header(x5c=["AAAA"]),
    "b64": with_header(b64=False),
    "kid": with_header(kid="../../dev/null"),
    "typ JWT": with_header(typ="JWT"),
    "no typ": with_header(typ=None),
    "typ is a list": with_header(typ=["dpop+jwt"]),
    "another key": compact(OTHER, proof_header(OTHER), CLAIMS),
    "signed by another key": compact(OTHER, HEADER, CLAIMS),
    "header is a list": compact(KEY, [HEADER], CLAIMS),
    "header of nested lists": compact(KEY, b"[" * 3000, CLAIMS),
    "header twice": compact(KEY, json.dumps(HEADER)[:-1].encode() + b',"alg":"none"}', CLAIMS),
    "payload is a list": compact(KEY, HEADER, [CLAIMS]),
    "payload is text": compact(KEY, HEADER, "claims"),
    "payload is no JSON": compact(KEY, HEADER, b"{"),
    "payload is no UTF-8": compact(KEY, HEADER, b"\xff\xfe"),
    "payload of nested objects": compact(KEY, HEADER, b'{"a":' * 900 + b"1" + b"}" * 900),
    "claim twice": compact(KEY, HEADER, json.dumps(CLAIMS)[:-1].encode() + b',"htm":"GET"}'),
    **{f"no {name}": without(name) for name in ("jti", "htm", "htu", "iat", "ath")},
    **{f"{name} is true": with_claims(**{name: True}) for name in CLAIMS},
    **{f"{name} is null": with_claims(**{name: None}) for name in CLAIMS},
    **{f"{name} is an object": with_claims(**{name: {}}) for name in CLAIMS},
    **{f"{name} is empty": with_claims(**{name: ""}) for name in CLAIMS},
    **{f"{name} has half a pair": with_claims(**{name: "\ud800" * 20}) for name in CLAIMS},
    "jti of 15": with_claims(jti="j" * 15),
    "jti of 65": with_claims(jti="j" * 65),
    "iat is NaN": with_claims(iat=float("nan")),
    "iat is infinite": with_claims(iat=float("inf")),
    "iat is text": with_claims(iat=str(NOW)),
    "iat is huge": with_claims(iat=10**400),
    "iat is below zero": with_claims(iat=-1),
    "iat of a thousand digits": compact(
        KEY, HEADER, json.dumps(CLAIMS).replace(str(int(NOW)), "9" * 5000).encode()
    ),
    "other method": with_claims(htm="GET"),
    "method in lower case": with_claims(htm="put"),
    "other path": with_claims(htu="https://shop.example/v1/updates/8"),
    "path below": with_claims(htu="https://shop.example/v1/updates/7/proof"),
    "other host": with_claims(htu="https://evil.example/v1/updates/7"),
    "other scheme": with_claims(htu="http://shop.example/v1/updates/7"),
    "other port": with_claims(htu="https://shop.example:444/v1/updates/7"),
    "other token": with_claims(ath=segment(b"0" * 32)),
    "huge nonce": with_claims(nonce="n" * 129),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks(name: str) -> None:
    assert reason(ATTACKS[name]) == "dpop_invalid"


@pytest.mark.parametrize("off_s", [-301, 301, -86400, 10**9])
def test_a_clock_that_is_far_off(off_s: int) -> None:
    assert reason(with_claims(iat=int(NOW) + off_s)) == "dpop_expired"


def test_whoever_lacks_the_key_is_not_told_of_the_time() -> None:
    late = compact(OTHER, HEADER, CLAIMS | {"iat": 0})
    assert reason(late) == "dpop_invalid"


@given(st.text(max_size=300) | st.text(alphabet=string.ascii_letters + "._-", max_size=300))
def test_any_text_is_refused_and_never_an_error(text: str) -> None:
    assert reason(text) == "dpop_invalid"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), ANY_JSON, min_size=1))
def test_any_signed_claims_are_read_or_refused(changes: dict[str, Any]) -> None:
    assert isinstance(verify(with_claims(**changes)), Proof | ProofRefused)


def test_a_good_proof() -> None:
    assert verify(GOOD) == Proof(CLAIMS["jti"], NONCE)


def test_a_proof_without_a_nonce_is_for_the_service_to_judge() -> None:
    assert verify(without("nonce")) == Proof(CLAIMS["jti"], "")


def test_both_forms_of_a_signature_verify() -> None:
    assert isinstance(verify(compact(KEY, HEADER, CLAIMS, high_s=True)), Proof)


def test_parsed_keys_are_bounded() -> None:
    keys = PublicKeys()
    for number in range(3):
        keys._keep(str(number), keys.get(JWK))  # type: ignore[arg-type]
    keys._parsed |= {f"old {n}": keys._parsed["0"] for n in range(KEYS_MAX)}
    assert keys.get(public_jwk(OTHER)) is not None
    assert len(keys._parsed) <= KEYS_MAX + 4


class TestHtu:
    @pytest.mark.parametrize(
        ("htu", "public_url", "path"),
        [
            ("HTTPS://Shop.Example:443/v1/x?q=1#f", "https://shop.example", "/v1/x"),
            ("https://shop.example/v1/x", "https://SHOP.example:443/", "/v1/x"),
            ("http://127.0.0.1:80/v1/x", "http://127.0.0.1", "/v1/x"),
            ("http://[::1]:8000/v1/x", "http://[::1]:8000", "/v1/x"),
            ("https://shop.example/api/v1/x", "https://shop.example/api/", "/v1/x"),
            ("https://shop.example/v1/%2f%c3%a9%7E", "https://shop.example", "/v1/%2F%C3%A9~"),
            ("https://shop.example", "https://shop.example", "/"),
            ("http://anything/v1/x", "", "/v1/x"),
        ],
    )
    def test_same(self, htu: str, public_url: str, path: str) -> None:
        assert same_target(htu, public_url, path)

    @pytest.mark.parametrize(
        "htu",
        [
            "https://shop.example.evil/v1/x",
            "https://shop.example@evil.example/v1/x",
            "https://evil.example@shop.example/v1/x",
            "https://shop.example:0/v1/x",
            "https://shop.example:99999/v1/x",
            "https://shop.example:x/v1/x",
            "https://[::1/v1/x",
            "//shop.example/v1/x",
            "/v1/x",
            "v1/x",
            "ftp://shop.example/v1/x",
            "https:///v1/x",
            "https://shop.example/v1//x",
            "https://shop.example/v1/y/../x",
            "https://shop.example/v1/x/",
            "https://shop.example/V1/x",
            "https://shop.example/v1%2Fx",
            "https://shop.example/v1/x ",
            "https://shop.example/v1/\u0445",
            "https://shop.example/v1/x\t",
        ],
    )
    def test_other(self, htu: str) -> None:
        assert not same_target(htu, "https://shop.example", "/v1/x")

    @given(
        st.sampled_from(["https", "HTTPS", "hTtPs"]),
        st.sampled_from(["shop.example", "SHOP.EXAMPLE", "Shop.Example:443"]),
        st.text(string.ascii_letters + string.digits + "-._~/!$&'()*+,;=:@", max_size=30),
        st.sampled_from(["", "?", "?a=b", "#c", "?a#c"]),
        st.randoms(use_true_random=False),
    )
    def test_spellings_of_one_address(
        self, scheme: str, host: str, path: str, behind: str, rng: Any
    ) -> None:
        spelt = "".join(_spell(c, rng) for c in path)
        assert same_target(f"{scheme}://{host}/{spelt}{behind}", "https://shop.example", f"/{path}")

    @given(st.text(max_size=60), st.text(max_size=20))
    def test_any_text(self, htu: str, path: str) -> None:
        assert same_target(htu, "https://shop.example", "/" + path) in (True, False)


def _spell(character: str, rng: Any) -> str:
    unreserved = character in string.ascii_letters + string.digits + "-._~"
    escaped = f"%{ord(character):02x}"
    return rng.choice([character, escaped, escaped.upper()]) if unreserved else character


class TestVectors:
    def test_thumbprint(self) -> None:
        assert thumbprint_of(VECTORS["key"]) == VECTORS["thumbprint"]
        assert ECKey.import_key(dict(VECTORS["key"])).thumbprint() == VECTORS["thumbprint"]

    @pytest.mark.parametrize("name", VECTORS["proofs"])
    def test_proof(self, name: str) -> None:
        one = VECTORS["proofs"][name]
        text = f"{VECTORS['signing_input']}.{one['signature']}"
        bound = Bound(**VECTORS["request"], thumbprint=VECTORS["thumbprint"])
        assert isinstance(verify(text, bound, VECTORS["now"]), Proof) == one["verifies"]

    def test_signing_input(self) -> None:
        header, claims = VECTORS["signing_input"].split(".")
        assert header == segment(json.dumps(VECTORS["header"], separators=(",", ":")).encode())
        assert claims == segment(json.dumps(VECTORS["claims"], separators=(",", ":")).encode())
