"""TLS of `twofold serve`, looked at before anything starts: a wrong file is one clear line."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twofold.start_checks import StartRefusedError


@dataclass(frozen=True)
class TlsFiles:
    """PEM files. certificate: the chain; client_authority: who signs the clients' certificates.

    With a client authority, a client without a certificate of it gets no connection (mutual TLS).
    """

    certificate: Path | None = None
    key: Path | None = None
    client_authority: Path | None = None

    def server_options(self) -> dict[str, Any]:
        """Arguments for uvicorn; none without a certificate.

        Raises: StartRefusedError.
        """
        if self.certificate is None:
            if self.key is not None or self.client_authority is not None:
                raise StartRefusedError("--tls-key and --tls-client-ca need --tls-cert")
            return {}
        self._check(self.certificate)
        options: dict[str, Any] = {"ssl_certfile": str(self.certificate)}
        if self.key is not None:
            options["ssl_keyfile"] = str(self.key)
        if self.client_authority is not None:
            options["ssl_ca_certs"] = str(self.client_authority)
            options["ssl_cert_reqs"] = ssl.CERT_REQUIRED
        return options

    def _check(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise StartRefusedError(f"--tls-cert {certificate}: {_why(error)}") from error
        if self.client_authority is None:
            return
        try:
            context.load_verify_locations(self.client_authority)
        except (OSError, ssl.SSLError) as error:
            detail = f"--tls-client-ca {self.client_authority}: {_why(error)}"
            raise StartRefusedError(detail) from error


def _why(error: OSError) -> str:
    is_ssl = isinstance(error, ssl.SSLError)
    return "holds no matching certificate and key" if is_ssl else str(error.strerror or error)
