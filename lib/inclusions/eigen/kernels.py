"""Which kernels a BLAS takes that is loaded with MUMPS, PETSc or SLEPc."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import scipy.linalg.cython_blas  # noqa: F401  loads SciPy's BLAS
from threadpoolctl import threadpool_info

NAME = "OPENBLAS_CORETYPE"


def newest() -> str | None:
    """What the newest OpenBLAS of this process, SciPy's, takes the processor for; None without."""
    found = [one for one in threadpool_info() if one["internal_api"] == "openblas"]
    found.sort(key=lambda one: [int(part) for part in one["version"].split(".") if part.isdigit()])
    return found[-1].get("architecture") if found else None


@contextmanager
def newest_kernels() -> Iterator[None]:
    """Load libraries within: an OpenBLAS among them takes the kernels the newest one here takes.

    On a processor younger than itself it would take those of its oldest relative, at half the
    speed. A name it does not know it passes over.
    """
    kernels = newest()
    if NAME in os.environ or kernels is None:
        yield
        return
    os.environ[NAME] = kernels
    try:
        yield
    finally:
        del os.environ[NAME]
