"""The project's place on the web is read, and nothing is invented where there is none."""

import subprocess
from types import SimpleNamespace

import pytest

from inclusions import site
from inclusions.site import addresses


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of git without a remote, and no INCLUSIONS_URL."""
    monkeypatch.delenv("INCLUSIONS_URL", raising=False)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def set_remote(repository, remote):
    command = ["git", "-C", str(repository), "remote", "add", "origin", remote]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    "remote",
    [
        "https://example.org/some/where",
        "https://example.org/some/where.git",
        "https://name:token@example.org/some/where.git",
        "git@example.org:some/where.git",
        "ssh://git@example.org:22/some/where.git",
    ],
)
def test_remotes_of_every_kind_have_one_address(remote, repository):
    set_remote(repository, remote)
    address, said = addresses.of(repository)
    assert (address.url, said) == ("https://example.org/some/where", "")


@pytest.mark.parametrize("remote", ["/srv/git/where.git", "file:///srv/where", "../where"])
def test_a_remote_that_is_no_web_address_links_nothing_and_says_so(remote, repository):
    set_remote(repository, remote)
    address, said = addresses.of(repository)
    assert address is None
    assert remote in said and "INCLUSIONS_URL" in said


def test_no_remote_is_said_too(repository):
    assert addresses.of(repository) == (
        None, "git has no remote: pages link no source; INCLUSIONS_URL sets it",
    )  # fmt: skip


def test_the_variable_wins_and_must_be_an_address(repository, monkeypatch):
    set_remote(repository, "https://example.org/some/where")
    monkeypatch.setenv("INCLUSIONS_URL", "https://example.org/other/place/")
    assert addresses.of(repository)[0].url == "https://example.org/other/place"
    monkeypatch.setenv("INCLUSIONS_URL", "my repository")
    with pytest.raises(ValueError, match="INCLUSIONS_URL must be .* got 'my repository'"):
        addresses.of(repository)


@pytest.mark.parametrize("name", ["INCLUSIONS_URL", "INCLUSIONS_SITE"])
def test_a_build_that_is_told_no_address_ends_with_one_line(name, monkeypatch, repository):
    monkeypatch.setenv(name, "my place")
    app = SimpleNamespace(srcdir=repository)
    with pytest.raises(SystemExit, match=f"{name} must be the web address .* got 'my place'"):
        site.link_source(app, SimpleNamespace())
