"""Random models and realizations for the tests of laws that hold for all of them."""

from hypothesis import strategies as st

from inclusions.disorder import draw
from inclusions.model import MIDDLE, SAMPLES, Model

LENGTHS, BUBBLES = st.integers(2, 6), st.integers(0, 3)


@st.composite
def models(pick, lengths=LENGTHS, bubbles=BUBBLES, targets=None):
    """Models of every kind: open, periodic, with a bubble; any sector; any couplings.

    All have the paper's target unless `targets` says which.
    """
    length, bubble = pick(lengths), pick(bubbles)
    boundaries = ["open"] if bubble or length < 3 else ["open", "periodic"]
    couplings = st.floats(-3, 3)
    bond = pick(st.none() | couplings) if bubble == 1 else None
    return Model(
        length=length,
        disorder=pick(st.floats(0, 10)),
        bubble=bubble,
        coupling=pick(couplings),
        bandwidth=pick(st.none() | st.floats(0, 2)) if bubble and bond is None else None,
        anisotropy=pick(couplings),
        boundary=pick(st.sampled_from(boundaries)),
        magnetization=pick(st.integers(0, length)) - length / 2,
        target=MIDDLE if targets is None else pick(targets),
        sample=pick(st.sampled_from(SAMPLES)),
        bond=bond,
    )


TARGETS = st.just("mean") | st.floats(0, 1, exclude_min=True, exclude_max=True)


def realizations(some_models=None):
    """Realizations of such models, under any seed."""
    seeds = st.integers(0, 2**64)
    return st.builds(draw, models() if some_models is None else some_models, seeds, seeds)
