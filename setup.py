"""Declare what pyproject.toml cannot: the C files, the campaigns and what runs them."""

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


class BuildWithRuns(build_py):
    """Campaigns, pages and profiles stand in book/runs, where people look; a package has a copy."""

    def run(self):
        super().run()
        if not self.editable_mode:
            runs, package = Path("book", "runs"), Path(self.build_lib, "inclusions")
            for pattern, folder in (
                ("campaigns/*.toml", "campaigns"),
                ("Snakefile", "runs"),
                ("*.md", "runs"),
                ("*.py", "runs"),
                ("profiles/*/*.yaml", "runs"),
            ):
                for file in runs.glob(pattern):
                    name = file.name if folder == "campaigns" else file.relative_to(runs)
                    self.mkpath(str((package / folder / name).parent))
                    self.copy_file(str(file), str(package / folder / name))


setup(
    ext_modules=[
        shared_library("eigen", "_ldl"),
        shared_library("eigen", "_products"),
        shared_library("controls", "_windows"),
    ],
    cmdclass={"build_py": BuildWithRuns},
)
