"""Declare the one C file; everything else is in pyproject.toml."""

from pathlib import Path

from setuptools import Extension, setup

LDL = "lib/inclusions/eigen/_ldl.c"

# A plain shared library, loaded with ctypes. It is optional: where no compiler
# is found the package installs without it. No -march=native: the nodes of a
# cluster that share one installation are not all alike.
extensions = (
    [
        Extension(
            "inclusions.eigen._ldl",
            [LDL],
            extra_compile_args=["-O3", "-std=c11", "-fno-math-errno"],
            libraries=["m"],
            optional=True,
        )
    ]
    if Path(LDL).exists()
    else []
)

setup(ext_modules=extensions)
