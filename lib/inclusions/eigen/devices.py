"""Where arrays live: the machine's memory under NumPy, or a GPU's under CuPy."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from inclusions.eigen.types import MissingSolver
from inclusions.machine import lacks


class Device(NamedTuple):
    """The two modules that know its arrays, and what it offers beyond theirs."""

    name: str
    xp: ModuleType  # numpy or cupy
    sparse: ModuleType  # scipy.sparse or cupyx.scipy.sparse
    fuse: Callable[[Callable], Callable] = lambda function: function  # into one kernel
    free: float = float("inf")  # bytes of its memory that can be had


CPU = Device("cpu", np, scipy.sparse)
INSTEAD = "solvers filter and shift-invert need no GPU"
HOW_TO_GET = (
    "solver filter:gpu needs CuPy and an NVIDIA GPU: pip install cupy-cuda12x, or cupy from "
    f"conda-forge; {INSTEAD}"
)


def module_of(array: Any) -> ModuleType:
    """The array's module: NumPy, or whatever else has NumPy's functions for arrays of its kind."""
    return np if isinstance(array, np.ndarray) else sys.modules[type(array).__module__]


def to_host(array: Any) -> np.ndarray:
    """The array in the machine's memory; itself where it is there."""
    return array if isinstance(array, np.ndarray) else array.get()


def beside(array: np.ndarray, other: Any) -> Any:
    """The array, in the memory that holds `other`."""
    return module_of(other).asarray(array)


def load() -> None:
    """Import CuPy; whether it finds a device is asked where one is wanted."""
    import cupy  # noqa: F401
    import cupyx.scipy.sparse  # noqa: F401


def gpu() -> Device:
    """The current GPU, tried with one small product.

    Raises:
        MissingSolver: no CuPy, no device, or a device that CuPy's kernels do not run on.
    """
    if why := lacks(load, HOW_TO_GET):
        raise MissingSolver(why)
    import cupy
    import cupyx.scipy.sparse

    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise MissingSolver(f"CuPy finds no GPU ({_first_line(error)}); {INSTEAD}") from None
    if not count:
        raise MissingSolver(f"CuPy finds no GPU; {INSTEAD}")
    try:
        cupyx.scipy.sparse.csr_matrix(cupy.eye(2)) @ cupy.ones((2, 2), order="F")
        name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
        free = cupy.cuda.runtime.memGetInfo()[0]
    except Exception as error:
        raise MissingSolver(
            f"CuPy {cupy.__version__} does not run on this GPU ({_first_line(error)}): take a "
            f"build of CuPy for it; {INSTEAD}"
        ) from None
    return Device(name, cupy, cupyx.scipy.sparse, cupy.fuse, free)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
