"""Declare what pyproject.toml cannot: the C files, and the campaign files."""

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py


def shared_library(room: str, name: str) -> Extension:
    """A plain shared library, loaded with ctypes.

    It is optional: where no compiler is found the package installs without it. No -march=native:
    the nodes of a cluster that share one installation are not all alike.
    """
    return Extension(
        f"inclusions.{room}.{name}",
        [f"lib/inclusions/{room}/{name}.c"],
        extra_compile_args=["-O3", "-std=gnu11", "-fno-math-errno", "-pthread"],
        extra_link_args=["-pthread"],
        libraries=["m"],
        optional=True,
    )


class BuildWithCampaigns(build_py):
    """Campaign files stand in book/runs, where people look; an installed package has a copy."""

    def run(self):
        super().run()
        if not self.editable_mode:
            folder = Path(self.build_lib, "inclusions", "campaigns")
            self.mkpath(str(folder))
            for file in Path("book", "runs", "campaigns").glob("*.toml"):
                self.copy_file(str(file), str(folder / file.name))


setup(
    ext_modules=[
        shared_library("eigen", "_ldl"),
        shared_library("eigen", "_products"),
        shared_library("controls", "_windows"),
    ],
    cmdclass={"build_py": BuildWithCampaigns},
)
