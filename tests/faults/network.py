"""A machine of its own for the service: a network namespace, joined by links that can be cut.

front: devices reach the service by it. back: the service reaches Postgres by it.
"""

import subprocess

NAME = "tf-faults"
LINKS = {"front": "10.203.0", "back": "10.203.1"}


class Machine:
    """Made with `make`; `why_not` says why that was impossible."""

    prefix = ("ip", "netns", "exec", NAME)

    def __init__(self) -> None:
        self.why_not: str | None = None

    def make(self) -> None:
        """Make the namespace and its links; what an earlier run left behind is removed."""
        self.remove()
        try:
            _ip("netns", "add", NAME)
            for link, network in LINKS.items():
                near, far = f"tf-{link}-n", f"tf-{link}-f"
                _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", NAME)
                _ip("addr", "add", f"{network}.1/30", "dev", near)
                _ip("link", "set", near, "up")
                _ip("-n", NAME, "addr", "add", f"{network}.2/30", "dev", far)
                _ip("-n", NAME, "link", "set", far, "up")
            _ip("-n", NAME, "link", "set", "lo", "up")
        except (FileNotFoundError, subprocess.CalledProcessError):
            self.why_not = "network namespaces may not be made here (they take root and iproute2)"
            self.remove()

    def near(self, link: str) -> str:
        """Our own address on a link."""
        return f"{LINKS[link]}.1"

    def far(self, link: str) -> str:
        """The machine's address on a link."""
        return f"{LINKS[link]}.2"

    def cut(self, link: str) -> None:
        """Nothing passes any more, and neither side is told."""
        _ip("link", "set", f"tf-{link}-n", "down")

    def mend(self, link: str) -> None:
        """Everything passes again."""
        _ip("link", "set", f"tf-{link}-n", "up")

    def remove(self) -> None:
        """Take it away with its links; safe to call twice."""
        for link in LINKS:
            _ip("link", "del", f"tf-{link}-n", check=False)
        _ip("netns", "del", NAME, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    try:
        subprocess.run(["ip", *arguments], check=check, capture_output=True)
    except FileNotFoundError:
        if check:
            raise
