"""Declare the one C file; everything else is in pyproject.toml."""

from setuptools import Extension, setup

# A plain shared library, loaded with ctypes. It is optional: where no compiler
# is found the package installs without it. No -march=native: the nodes of a
# cluster that share one installation are not all alike.
ldl = Extension(
    "inclusions.eigen._ldl",
    ["lib/inclusions/eigen/_ldl.c"],
    extra_compile_args=["-O3", "-std=gnu11", "-fno-math-errno", "-pthread"],
    extra_link_args=["-pthread"],
    libraries=["m"],
    optional=True,
)

setup(ext_modules=[ldl])
