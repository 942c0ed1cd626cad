"""The files that say what to install agree with one another."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

TOP = Path(__file__).resolve().parents[1]
LOCK = TOP / "requirements.lock"
# Apart, because pymumps installs only where MUMPS for MPI is.
MUMPS_LOCK = TOP / "requirements-mumps.lock"
LOCKS = [LOCK, MUMPS_LOCK]
# These agree with the machine's MPI, so the distribution or conda brings them
# and no lock file can.
OF_THE_MACHINE = "mpi"
PYTHONS = ["3.11", "3.12", "3.13"]


def listed_by_pyproject() -> dict[str, list[Requirement]]:
    """The requirements of pyproject.toml, by extra; "" is the package itself."""
    pyproject = tomllib.loads((TOP / "pyproject.toml").read_text())
    extras = {"": pyproject["project"]["dependencies"]}
    extras |= pyproject["project"]["optional-dependencies"]
    extras["build"] = pyproject["dependency-groups"]["build"]
    return {extra: [Requirement(line) for line in lines] for extra, lines in extras.items()}


def locked_lines(lock: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in lock.read_text().splitlines())
    return [line for line in lines if line]


def locked(python: str, *locks: Path) -> dict[str, str]:
    """Name and version of everything that these lock files install on that Python."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": "linux",
    }
    pins: dict[str, str] = {}
    for requirement in (Requirement(line) for lock in locks for line in locked_lines(lock)):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (specifier,) = requirement.specifier
            name = canonicalize_name(requirement.name)
            assert pins.setdefault(name, specifier.version) == specifier.version, (
                f"{name} is locked at two versions for Python {python}"
            )
    return pins


def listed_by_conda() -> dict[str, SpecifierSet]:
    """Name and version range of everything in environment.yml, its pip section included."""
    environment = yaml.safe_load((TOP / "environment.yml").read_text())
    lines: list[str] = []
    for entry in environment["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r.specifier for r in requirements}


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_satisfies_every_requirement_of_pyproject(python):
    unmet = []
    for extra, requirements in listed_by_pyproject().items():
        if extra == OF_THE_MACHINE:
            continue
        pins = locked(python, MUMPS_LOCK if extra == "mumps" else LOCK)
        for requirement in requirements:
            version = pins.get(canonicalize_name(requirement.name))
            if version is None or version not in requirement.specifier:
                unmet.append(f"{requirement} (locked: {version})")
    assert not unmet, "run `make lock`: " + "; ".join(unmet)


@pytest.mark.parametrize("python", PYTHONS)
def test_both_locks_agree_on_what_they_share(python):
    assert locked(python, LOCK, MUMPS_LOCK)  # which asserts it


def test_lock_pins_every_line_to_one_exact_version():
    loose = [
        line
        for lock in LOCKS
        for line in locked_lines(lock)
        if not re.fullmatch(r"[a-z0-9.-]+==[0-9][\w.!+-]*( ; .+)?", line)
    ]
    assert not loose


def test_lock_keeps_numpy_1_for_the_distributions_petsc4py():
    assert locked("3.11", LOCK)["numpy"] in SpecifierSet("<2")


def test_conda_environment_lists_every_requirement_of_pyproject():
    listed = listed_by_conda()
    wanted = {
        canonicalize_name(requirement.name)
        for extra, requirements in listed_by_pyproject().items()
        if extra != "build"  # conda's packages come built
        for requirement in requirements
    }
    assert wanted - listed.keys() == set()
    assert {"python", "pip", "make", "c-compiler", "setuptools"} <= listed.keys()


@pytest.mark.parametrize("python", PYTHONS)
def test_conda_environment_admits_the_locked_versions(python):
    pins = locked(python, LOCK, MUMPS_LOCK)
    refused = {
        name: f"{pins[name]} not in {specifier}"
        for name, specifier in listed_by_conda().items()
        if name in pins and pins[name] not in specifier
    }
    assert not refused


def test_conda_environment_takes_from_conda_forge_alone():
    environment = yaml.safe_load((TOP / "environment.yml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize(
    "name",
    [lock.name for lock in LOCKS]
    + ["pyproject.toml", "environment.yml", "Makefile", "setup.sh", "setup.py", ".ci/run"],
)
def test_installation_names_no_index_and_no_path_of_a_machine(name):
    text = (TOP / name).read_text()
    found = re.findall(
        r"https?://\S*|file://\S*|--(?:extra-)?index-url|--find-links|/(?:opt|home|root|work)/\S*",
        text,
    )
    assert not found


def test_what_make_runs_keeps_what_it_compiled():
    probe = ["make", "--silent", "--eval", "probe: ; @env", "probe"]
    set_in_containers = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(probe, cwd=TOP, env=set_in_containers, capture_output=True, text=True)
    assert "PYTHONNOUSERSITE=1" in done.stdout
    assert "PYTHONDONTWRITEBYTECODE" not in done.stdout
