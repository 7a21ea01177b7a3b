"""HTTPS of a real `twofold serve`, and of a client that must show a certificate of its own."""

import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.twofold.test_serve import environment, free_port, refusal
from twofold.start_checks import StartRefusedError
from twofold.tls import TlsFiles

SERVE = [sys.executable, "-P", "-m", "twofold", "serve"]
START_S = 60.0


class Authority:
    """Signs certificates into a folder. path: of its own certificate."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = (
            folder,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        )
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        own = self._certificate(self._name, self._key.public_key(), is_authority=True)
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def sign(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for 127.0.0.1, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._certificate(subject, key.public_key(), is_authority=False)
        paths = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        paths[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if not is_authority:
            import ipaddress

            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("others"), "others")


class TestRefused:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        line = refusal("serve", "--tls-cert", str(tmp_path / "none"), folder=tmp_path)
        assert line.startswith("twofold: --tls-cert ")
        assert line.endswith("No such file or directory")

    def test_a_key_of_another_certificate(self, ours: Authority) -> None:
        certificate, _ = ours.sign("one")
        _, key = ours.sign("two")
        with pytest.raises(StartRefusedError, match="no matching certificate and key"):
            TlsFiles(certificate, key).server_options()

    def test_an_authority_that_is_none(self, ours: Authority) -> None:
        certificate, key = ours.sign("server")
        with pytest.raises(StartRefusedError, match="--tls-client-ca"):
            TlsFiles(certificate, key, key).server_options()

    def test_a_key_without_a_certificate(self, ours: Authority) -> None:
        _, key = ours.sign("server")
        with pytest.raises(StartRefusedError, match="need --tls-cert"):
            TlsFiles(key=key).server_options()


@contextmanager
def serving(folder: Path, ours: Authority, *more: str) -> Iterator[str]:
    """A service with a certificate of ours; yields its address."""
    certificate, key = ours.sign("server")
    port = str(free_port())
    command = [*SERVE, "--no-coordinator", "--port", port, "--data-dir", str(folder)]
    command += ["--tls-cert", str(certificate), "--tls-key", str(key), *more]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
    try:
        wait_until_started(folder / "log", process)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def wait_until_started(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while "Uvicorn running" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def trusting(authority: Authority, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.path)
    if own is not None:
        context.load_cert_chain(*own)
    return context


def test_https(tmp_path: Path, ours: Authority, others: Authority) -> None:
    with serving(tmp_path, ours) as url:
        answer = httpx.get(f"{url}/healthz", verify=trusting(ours))
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz", verify=trusting(others))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url.replace('https', 'http')}/healthz")


def test_a_client_needs_a_certificate(tmp_path: Path, ours: Authority, others: Authority) -> None:
    with serving(tmp_path, ours, "--tls-client-ca", str(ours.path)) as url:
        ours_and_known = trusting(ours, ours.sign("gateway"))
        assert httpx.get(f"{url}/healthz", verify=ours_and_known).status_code == 200
        for own in (None, others.sign("stranger")):
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{url}/healthz", verify=trusting(ours, own))
