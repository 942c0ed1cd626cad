"""Ergodic inclusions in many-body localized systems: a reproducible paper, as a package.

What most users need is here: a sample is drawn, built and solved,

    >>> from inclusions import Model, build, draw, solve
    >>> model = Model(length=8, disorder=4.4, bubble=4)
    >>> pairs = solve(build(draw(model, seed=1, index=0)), 50)
    >>> pairs.energies.shape, bool(pairs.residuals.max() < 1e-9)
    ((50,), True)

and `load` reads the cached ensembles that the book is made from:

    >>> from inclusions import load
    >>> ensembles = load("gap-ratios", bubble=4, length=12, disorder=4.0)
    >>> ensembles.realizations
    2000
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inclusions.disorder import draw
    from inclusions.eigen import solve
    from inclusions.hamiltonian import build
    from inclusions.model import Model
    from inclusions.pages import load

__all__ = ["Model", "build", "draw", "load", "solve"]

_HOMES = {
    "Model": "model", "draw": "disorder", "build": "hamiltonian", "solve": "eigen", "load": "pages",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The public names, each imported when it is first asked for: the command line starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'inclusions' has no attribute {name!r}")
    return getattr(import_module(f"inclusions.{_HOMES[name]}"), name)
