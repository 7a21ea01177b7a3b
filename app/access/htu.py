"""The `htu` of a proof: the request's URI without query and fragment (RFC 9449, 4.2).

Compared after the normalisation of RFC 3986, 6.2.2: case, percent-encoding and default ports. Dots
are left alone, since to this service they are ids like any other.
"""

import re
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
URI = re.compile(r"[\x21-\x7e]+")


def same_target(htu: str, public_url: str, path: str) -> bool:
    """Whether `htu` names `path` of this service.

    public_url: the configured origin, perhaps with a path before ours; empty: any origin. The
    request's own `Host` is never asked: whoever sends it chooses it.
    """
    split = _split(htu)
    if split is None:
        return False
    base = _split(public_url) if public_url else None
    if base is None:
        return normal_path(split.path) == normal_path(path)
    expected = base.path.rstrip("/") + path
    return _origin(split) == _origin(base) and normal_path(split.path) == normal_path(expected)


def is_origin(url: str) -> bool:
    """Whether a public URL can be compared with: http or https, with a host, and nothing behind."""
    split = _split(url)
    return split is not None and not (split.query or split.fragment)


def _split(url: str) -> SplitResult | None:
    """The parts of an http or https URI; None for any other text."""
    if URI.fullmatch(url) is None:
        return None
    try:
        split = urlsplit(url)
        is_known = split.scheme in DEFAULT_PORTS and split.hostname and split.port != 0
    except ValueError:
        return None
    # What stands before an @ only serves to mislead.
    return split if is_known and "@" not in split.netloc else None


def _origin(split: SplitResult) -> tuple[str, str | None, int]:
    port = split.port if split.port is not None else DEFAULT_PORTS[split.scheme]
    return split.scheme, split.hostname, port


def normal_path(path: str) -> str:
    """The path with escapes in upper case, and none for characters that need none."""
    return ESCAPE.sub(_normal_escape, path) or "/"


def _normal_escape(found: re.Match[str]) -> str:
    character = chr(int(found.group(1), 16))
    return character if UNRESERVED.fullmatch(character) else found.group(0).upper()
