"""Records and shards made up at random, for the tests of what is on disk."""

import numpy as np

from inclusions import store
from inclusions.model import Model

MODEL = Model(6, 2.0, bubble=4)


def record(index: int) -> dict:
    rng = np.random.default_rng(index)
    sizes = store.dimensions(MODEL)
    return {
        name: "test"
        if kind[0] == "S"
        else (100 * rng.random([sizes[d] for d in dims])).astype(kind)
        for name, (kind, dims, _) in (store.FIELDS | store.YOUNGER).items()
    }


def save(place, *indices):
    (path,) = place.write_shard({index: record(index) for index in indices})
    return path
