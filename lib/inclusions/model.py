"""The physics parameters of one ensemble: a random-field chain, isolated or closed by a bubble."""

import re
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from sys import float_info
from typing import Any, Literal

import numpy as np

from inclusions.geometry import Geometry

TUNED_BANDWIDTH = {3: 0.55, 4: 0.60, 5: 0.58, 6: 0.55, 8: 0.50}
"""beta of the GOE matrices by bubble size: SM A and the caption of Fig. 8."""

BOUNDARIES = ("open", "periodic")
SAMPLES = ("own", "paired")
MIDDLE = 0.5
"""The paper's target: half way between the edges of the spectrum."""
LARGEST = 1e9
"""Largest energy, J: beyond it, its rounding comes near what the exchange does."""

LETTERS = {
    "g": "coupling", "beta": "bandwidth", "bond": "bond", "Delta": "anisotropy",
    "Sz": "magnetization", "eps": "target", "sample": "sample",
}  # fmt: skip
"""What stands for a parameter in the key of a model where it is not at its default."""

NUMBER = r"-?\d+\.?\d*(?:e[+-]?\d+)?"  # as repr writes it
VALUE = rf"(?:{NUMBER}|mean|paired)"


def tuned_bandwidth(bubble: int) -> float:
    """Bandwidth beta for `bubble` states, in units of J.

    The paper tunes 3, 4, 5, 6 and 8 (SM A, Fig. 8); sizes between are interpolated linearly and
    sizes beyond take the nearest tuned value.
    """
    return float(np.interp(bubble, list(TUNED_BANDWIDTH), list(TUNED_BANDWIDTH.values())))


@dataclass(frozen=True)
class Model:
    """Parameters of Eqs. (1)-(4). Energies are in units of J; spins are S = 1/2.

    Raises:
        ValueError: a parameter is of the wrong type or out of range; the message says which.
    """

    length: int  # spins in the chain
    disorder: float  # half-width W of the field distribution
    bubble: int = 0  # n_GOE; 0 is the isolated chain
    coupling: float = 1.0  # g between chain and bubble
    bandwidth: float | None = None  # beta of the GOE matrices; None is the tuned value
    anisotropy: float = 1.0  # Delta
    boundary: Literal["open", "periodic"] = "open"  # of the isolated chain
    magnetization: float | None = None  # total S^z; None is 0 for even L and +1/2 for odd L
    target: float | Literal["mean"] = MIDDLE  # (E - E_min)/(E_max - E_min); "mean" is Tr H / d
    sample: Literal["own", "paired"] = "own"  # "paired" shares its disorder, see `disorder.draw`
    bond: float | None = None  # strength, in J, of the ring's last bond instead of a drawn one

    def __post_init__(self) -> None:
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"boundary must be open or periodic, got {self.boundary!r}")
        if self.sample not in SAMPLES:
            raise ValueError(f"sample must be own or paired, got {self.sample!r}")
        self._check_target()
        self._check_integer("length", 3 if self.boundary == "periodic" else 2)
        if self.length > 62:
            raise ValueError(f"length must be at most 62 (one bit a spin), got {self.length}")
        self._check_integer("bubble", 0, "bubble must be 0 or at least 1")
        self._check_real("disorder", 0.0)
        self._check_real("coupling")
        self._check_real("anisotropy")
        if self.bubble and self.boundary == "periodic":
            raise ValueError(
                "boundary must be open with a bubble, which closes the ring itself; got periodic"
            )
        if self.bandwidth is not None:
            self._check_real("bandwidth", 0.0)
            if not self.bubble:
                raise ValueError(f"bandwidth needs a bubble, got {self.bandwidth} without one")
        if self.bond is not None:
            self._check_real("bond")
            if self.bubble != 1 or self.bandwidth is not None:
                raise ValueError(
                    "bond is that of a bubble of one state, without a bandwidth; got "
                    f"{self.bond} with bubble {self.bubble} and bandwidth {self.bandwidth}"
                )
        elif self.bandwidth is None and self.bubble:
            object.__setattr__(self, "bandwidth", tuned_bandwidth(self.bubble))
        if self.magnetization is None:
            object.__setattr__(self, "magnetization", (self.length % 2) / 2)
        total = self._check_real("magnetization")
        if (total + self.length / 2) % 1 or abs(total) > self.length / 2:
            raise ValueError(
                f"magnetization must be one of {-self.length / 2:g}, {1 - self.length / 2:g} ... "
                f"{self.length / 2:g} for length {self.length}, got {total:g}"
            )

    def _check_target(self) -> None:
        if isinstance(self.target, str) and self.target == "mean":
            return
        number = isinstance(self.target, Real) and not isinstance(self.target, bool)
        if not number or not 0 < self.target < 1:
            raise ValueError(
                'target must be one number between 0 and 1, both excluded, or "mean", '
                f"got {self.target!r}"
            )
        object.__setattr__(self, "target", float(self.target))

    def _check_integer(self, name: str, lowest: int, rule: str = "") -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < lowest:
            rule = rule or f"{name} must be an integer of at least {lowest}"
            raise ValueError(f"{rule}, got {value!r}")
        object.__setattr__(self, name, int(value))

    def _check_real(self, name: str, lowest: float | None = None) -> float:
        value = getattr(self, name)
        number = isinstance(value, Real) and not isinstance(value, bool)
        number = number and abs(value) <= float_info.max
        if not number or (lowest is not None and value < lowest):
            bound = "" if lowest is None else f" of at least {lowest:g}"
            raise ValueError(f"{name} must be a finite number{bound}, got {value!r}")
        if abs(value) > LARGEST:
            raise ValueError(f"{name} must be at most {LARGEST:g} in size, got {value:g}")
        value = float(value) + 0.0  # -0.0, too, is 0.0 in the key
        object.__setattr__(self, name, value)
        return value

    @property
    def up(self) -> int:
        """Number of up spins in the sector."""
        assert self.magnetization is not None  # it was resolved at the beginning
        return round(self.magnetization + self.length / 2)

    @property
    def geometry(self) -> Geometry:
        """What decides where entries stand: all models that share it share patterns and orders."""
        return Geometry(self.length, self.up, self.boundary, self.bubble)

    @property
    def block(self) -> int:
        """Unknowns per chain state: n_GOE, or 1 without a bubble."""
        return self.geometry.block

    @property
    def dimension(self) -> int:
        """Dimension of the sector, block * C(L, up)."""
        return self.geometry.dimension

    @property
    def key(self) -> str:
        """Name of the ensemble, complete, unique and fit for a file name.

        Parameters at their default are left out, so `bubble4-L12-W4.4` is the paper's own model.
        """
        kind = f"bubble{self.bubble}" if self.bubble else f"chain-{self.boundary}"
        usual = Model(self.length, self.disorder, self.bubble, boundary=self.boundary)
        parts = [
            f"{letters}{value}"
            for letters, name in LETTERS.items()
            if (value := getattr(self, name)) not in (None, getattr(usual, name))
            and (self.bubble or name != "coupling")
        ]
        return "-".join([kind, f"L{self.length}", f"W{self.disorder!r}", *parts])

    @classmethod
    def from_key(cls, key: str) -> "Model":
        """The model with a given key: the inverse of `key`.

        Raises:
            ValueError: no model has this key.
        """
        letters = "|".join(LETTERS)
        match = re.fullmatch(
            rf"(?:bubble(\d+)|chain-(\w+))-L(\d+)-W({NUMBER})((?:-(?:{letters}){VALUE})*)", key
        )
        if match:
            bubble, boundary, length, disorder, rest = match.groups()
            given: dict[str, Any] = {
                LETTERS[k]: float(v) if v[-1].isdigit() else v
                for k, v in re.findall(rf"-({letters})({VALUE})", rest)
            }
            given |= {"boundary": boundary} if boundary else {"bubble": int(bubble)}
            model = cls(int(length), float(disorder), **given)
            if model.key == key:
                return model
        raise ValueError(f"no model has the key {key!r}")

    @property
    def untargeted(self) -> "Model":
        """The same ensemble, of which the paper's target is asked: it has the same samples."""
        return replace(self, target=MIDDLE)

    def as_dict(self) -> dict[str, Any]:
        """All parameters by name, resolved: ready for JSON or a file's attributes."""
        return asdict(self)


PARAMETERS = tuple(field.name for field in fields(Model))
