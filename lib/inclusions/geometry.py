"""What decides where the entries of H and of its factor stand, and keeps what follows from it."""

from collections.abc import Callable
from functools import lru_cache
from math import comb
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Kept = TypeVar("Kept")


class Geometry(NamedTuple):
    """The part of a model that its numbers, disorder and couplings, do not touch."""

    length: int  # spins in the chain
    up: int  # of them up
    boundary: str  # of the isolated chain: "open" or "periodic"
    bubble: int  # n_GOE; 0 is the isolated chain

    @property
    def block(self) -> int:
        """Unknowns per chain state: n_GOE, or 1 without a bubble."""
        return max(self.bubble, 1)

    @property
    def dimension(self) -> int:
        """Dimension of the sector, block * C(L, up)."""
        return self.block * comb(self.length, self.up)

    @property
    def graph(self) -> "Geometry":
        """The isolated chain with the same graph of chain states: a bubble closes the ring."""
        ring = (self.bubble or self.boundary == "periodic") and self.length > 2
        return Geometry(self.length, self.up, "periodic" if ring else "open", 0)


_clear: list[Callable[[], None]] = []


def once_per_geometry(
    last: int = 4,
) -> Callable[[Callable[Given, Kept]], Callable[Given, Kept]]:
    """Keep what a function of a geometry gives for the last few: every realization shares it."""

    def keeping(function: Callable[Given, Kept]) -> Callable[Given, Kept]:
        kept: Any = lru_cache(maxsize=last)(function)
        _clear.append(kept.cache_clear)
        return cast(Callable[Given, Kept], kept)

    return keeping


def forget_geometries() -> None:
    """Clear all that is kept: patterns, orderings, structures of factors, analyses."""
    for clear in _clear:
        clear()
