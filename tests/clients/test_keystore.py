"""The device's key: made once, private, and what it signs."""

import json
import stat
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, OctKey

from clients.python.durable_files import CorruptedStateError
from clients.python.keystore import DeviceKey


def payload(proof: str, key: DeviceKey) -> object:
    public = ECKey.import_key(dict(key.public_jwk))
    return json.loads(jws.deserialize_compact(proof, public, ["ES256"]).payload)


def test_a_file_without_a_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(b"not a key")
    with pytest.raises(CorruptedStateError, match=r"key\.pem is damaged"):
        DeviceKey.open(path)


@pytest.mark.parametrize(
    "pem",
    [
        ECKey.generate_key("P-384").as_pem(private=True),
        ECKey.generate_key("P-256").as_pem(private=False),
    ],
    ids=["other curve", "public half"],
)
def test_another_kind_of_key_is_refused(tmp_path: Path, pem: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem)
    with pytest.raises(CorruptedStateError, match="no private P-256 key"):
        DeviceKey.open(path)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    DeviceKey.open_or_create(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        DeviceKey.open(path)


def test_the_key_is_stored_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    DeviceKey.open_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_second_opening_finds_the_first_key(tmp_path: Path) -> None:
    first = DeviceKey.open_or_create(tmp_path / "key.pem")
    assert DeviceKey.open_or_create(tmp_path / "key.pem").public_jwk == first.public_jwk
    assert DeviceKey.open_or_create(tmp_path / "other.pem").public_jwk != first.public_jwk


def test_the_public_key_has_no_private_part(tmp_path: Path) -> None:
    jwk = DeviceKey.open_or_create(tmp_path / "key.pem").public_jwk
    assert set(jwk) == {"kty", "crv", "x", "y"}
    assert (jwk["kty"], jwk["crv"], len(jwk["x"])) == ("EC", "P-256", 43)


def test_proofs_sign_what_they_are_for(tmp_path: Path) -> None:
    key = DeviceKey.open_or_create(tmp_path / "key.pem")
    assert payload(key.enrolment_proof("c/ode"), key) == {"code": "c/ode", "purpose": "enrol"}
    token = payload(key.token_proof("dev", 12.5), key)
    assert token == {"device_id": "dev", "purpose": "token", "iat": 12.5}


def test_a_proof_fails_under_another_key(tmp_path: Path) -> None:
    key = DeviceKey.open_or_create(tmp_path / "a.pem")
    other = DeviceKey.open_or_create(tmp_path / "b.pem")
    with pytest.raises(BadSignatureError):
        payload(key.enrolment_proof("code"), other)


def test_a_symmetric_key_is_no_device_key(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(OctKey.generate_key(256).raw_value)
    with pytest.raises(CorruptedStateError):
        DeviceKey.open(path)
