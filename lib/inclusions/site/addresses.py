"""Where the project is on the web: read at build time, never invented."""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

PATTERN = r"https://(?P<host>[\w.-]+\.\w+)/(?P<owner>[\w./~-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"


class Address(NamedTuple):
    """The web page of a repository, https://host/owner/name."""

    host: str
    owner: str
    name: str

    @property
    def url(self) -> str:
        return f"https://{self.host}/{self.owner}/{self.name}"


def parse(remote: str) -> Address | None:
    """The web address behind a remote of git, which may be one of ssh; None if it has none.

    >>> parse("git@example.org:some/where.git").url
    'https://example.org/some/where'
    >>> parse("/srv/git/where.git") is None
    True
    """
    web = re.sub(r"^(?:ssh://)?git@([\w.-]+)(?::\d+)?[:/]", r"https://\1/", remote.strip())
    web = re.sub(r"^https://[^/@]*@", "https://", web)  # a name or a token is nobody's business
    found = re.fullmatch(PATTERN, web)
    return Address(**found.groupdict()) if found else None


def of(repository: Path) -> tuple[Address | None, str]:
    """The address of a repository, and if there is none, why and what to do.

    It is INCLUSIONS_URL, else what git's remote `origin` says.

    Raises:
        ValueError: INCLUSIONS_URL is no web address.
    """
    if wanted := os.environ.get("INCLUSIONS_URL"):
        if (address := parse(wanted)) is None:
            raise ValueError(
                "INCLUSIONS_URL must be the web address of the repository, https://host/owner/name,"
                f" got {wanted!r}"
            )
        return address, ""
    git = ["git", "-C", str(repository), "config", "--get", "remote.origin.url"]
    try:
        remote = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        remote = ""
    address = parse(remote)
    why = f"git's remote origin, {remote}, is no web address" if remote else "git has no remote"
    return address, "" if address else f"{why}: pages link no source; INCLUSIONS_URL sets it"
