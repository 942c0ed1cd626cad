"""A device that is none: NumPy behind the manners of CuPy, for code that must run on both.

Its arrays mix with no array of NumPy's and are given to no function of NumPy's, as CuPy's are not:
a call that would work on NumPy alone fails here. It counts what crosses.
"""

import operator
import sys
from types import SimpleNamespace

import numpy as np

from inclusions.eigen.devices import Device

crossings = {"in": 0, "out": 0}  # numbers that went to the device, and came from it


class DeviceArray:
    """An array that only its own module works on."""

    __array_ufunc__ = None  # NumPy's operators leave it to ours

    def __init__(self, held: np.ndarray):
        self._held = held

    def __array__(self, *_):
        raise TypeError("implicit conversion of a device's array; use .get()")

    def get(self) -> np.ndarray:
        crossings["out"] += self._held.size
        return self._held.copy()

    def __getitem__(self, place):
        return DeviceArray(self._held[_place(place)])

    def __setitem__(self, place, value):
        self._held[_place(place)] = _inside(value)

    def __len__(self) -> int:
        return len(self._held)

    def __float__(self) -> float:
        crossings["out"] += 1
        return float(self._held)

    def __neg__(self):
        return DeviceArray(-self._held)

    def sum(self, axis=None):
        return DeviceArray(np.asarray(self._held.sum(axis=axis)))

    shape = property(lambda self: self._held.shape)
    ndim = property(lambda self: self._held.ndim)
    size = property(lambda self: self._held.size)
    dtype = property(lambda self: self._held.dtype)
    flags = property(lambda self: self._held.flags)
    T = property(lambda self: DeviceArray(self._held.T))


def _inside(value):
    if isinstance(value, DeviceArray):
        return value._held
    if isinstance(value, np.ndarray):
        raise TypeError("an array of NumPy's meets one of the device's")
    return value


def _place(place):
    parts = place if isinstance(place, tuple) else (place,)
    return tuple(_inside(part) for part in parts)


def _operator(name: str):
    work = getattr(operator, name)

    def forward(self, other):
        return DeviceArray(work(self._held, _inside(other)))

    def backward(self, other):
        return DeviceArray(work(_inside(other), self._held))

    def in_place(self, other):
        self._held[...] = work(self._held, _inside(other))
        return self

    return forward, backward, in_place


for name in ("add", "sub", "mul", "truediv", "matmul"):
    for prefix, method in zip(("", "r", "i"), _operator(name), strict=True):
        setattr(DeviceArray, f"__{prefix}{name}__", method)


class DeviceMatrix:
    """A sparse matrix on the device, which multiplies column-major blocks."""

    def __init__(self, held):
        crossings["in"] += held.nnz
        self._held = held

    def __matmul__(self, block: DeviceArray) -> DeviceArray:
        assert block._held.flags.f_contiguous, "cuSPARSE would copy the block"
        return DeviceArray(np.asfortranarray(self._held @ block._held))


def asarray(array) -> DeviceArray:
    if isinstance(array, DeviceArray):
        return array
    crossings["in"] += array.size
    return DeviceArray(np.array(array))


def _qr(array: DeviceArray):
    return tuple(map(DeviceArray, np.linalg.qr(array._held)))


# What the solver asks of its arrays' module, by CuPy's names: this module stands for CuPy.
linalg = SimpleNamespace(qr=_qr)


def asfortranarray(array: DeviceArray) -> DeviceArray:
    return DeviceArray(np.asfortranarray(array._held))


def zeros(shape, order="C") -> DeviceArray:
    return DeviceArray(np.zeros(shape, order=order))


def empty(shape, order="C") -> DeviceArray:
    return DeviceArray(np.full(shape, np.nan, order=order))


def concatenate(parts, axis=0) -> DeviceArray:
    return DeviceArray(np.concatenate([part._held for part in parts], axis=axis))


fused = []  # functions that were asked to be one kernel


def _fuse(function):
    fused.append(function)
    return function


DEVICE = Device(
    "a device that is none", sys.modules[__name__], SimpleNamespace(csr_matrix=DeviceMatrix), _fuse
)
