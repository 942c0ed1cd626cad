"""Draws disorder: the only module that uses random numbers of the physics."""

from dataclasses import dataclass
from hashlib import sha256
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inclusions.model import Model


@dataclass(frozen=True)
class Realization:
    """One sample: the fields and the bubble's three matrices, in units of J."""

    model: Model
    fields: NDArray[np.float64]  # (L,): h_i of Eq. (2)
    bubble: NDArray[np.float64]  # (3, n, n): R_0, R_1, R_2 of Eqs. (1) and (3)

    def __post_init__(self) -> None:
        n = self.model.bubble
        if self.fields.shape != (self.model.length,):
            raise ValueError(
                f"fields must be {self.model.length} numbers, one a spin, got {self.fields.size}"
            )
        if self.bubble.shape != (3, n, n):
            raise ValueError(f"bubble must have shape (3, {n}, {n}), got {self.bubble.shape}")
        for name, values in (("fields", self.fields), ("bubble matrices", self.bubble)):
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite, got nan or inf")


def draw(model: Model, seed: int, index: int, fields: ArrayLike | None = None) -> Realization:
    """Realization number `index` of the ensemble `model` under `seed`.

    A pure function of its arguments: it depends neither on the number of ranks or workers nor on
    which other realizations are drawn. `fields`, if given, replace the drawn ones.

    Models that differ in their target alone have the same samples. Models with `sample="paired"`
    have their fields in common with all others of their length and disorder, whatever closes the
    chain, and the standard normal numbers A of Eq. (4) with all others of their bubble size, too,
    so that differences between them are those of one sample. A `bond` takes the place of R_1 and
    R_2, and R_0 is 0: with bond 1 the ring is the periodic chain.

    Raises:
        ValueError: seed or index is no whole number or negative, or fields of the wrong length.
    """
    for name, value in (("seed", seed), ("index", index)):
        if not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}")
    generator = _generator(source(model), seed, index)
    drawn = generator.uniform(-model.disorder, model.disorder, model.length)
    matrices: list[ArrayLike]
    if model.bond is None:
        matrices = [goe(generator, model.bubble, model.bandwidth or 0.0) for _ in range(3)]
    else:
        matrices = [0.0, model.anisotropy * model.bond, model.bond / 2]
    return Realization(
        model=model,
        fields=drawn if fields is None else np.asarray(fields, dtype=float).reshape(-1),
        bubble=np.array(matrices).reshape(3, model.bubble, model.bubble),
    )


def source(model: Model) -> str:
    """The name under which a model's disorder is drawn: models of one name have it in common."""
    if model.sample == "paired":
        # Fields are drawn first, so those of bubbles of all sizes are the same.
        return f"paired-L{model.length}-W{model.disorder!r}"
    return model.untargeted.key


def _generator(source: str, seed: int, index: int) -> np.random.Generator:
    key = np.frombuffer(sha256(source.encode()).digest(), dtype="<u4")
    entropy = [seed % 2**32, seed >> 32, *map(int, key), index]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def goe(generator: np.random.Generator, size: int, bandwidth: float) -> NDArray[np.float64]:
    """GOE matrix of Eq. (4), shape (n, n): R = (beta/2)(A + A^T) with standard normal A.

    E[R_ij^2] = beta^2/2 off the diagonal and beta^2 on it; for large n the levels fill a
    semicircle of radius beta sqrt(2 n).
    """
    matrix = generator.standard_normal((size, size))
    return bandwidth / 2 * (matrix + matrix.T)
