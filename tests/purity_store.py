"""A synthetic store for the tests of purities: known random records, no solver."""

import numpy as np

from inclusions import campaign, store, tables
from inclusions.store import FIELDS, Store, dimensions

CAMPAIGN = """
name = "synthetic"
seed = 5
states = 50

[[ensemble]]
length = [8, 10]
bubble = 4
disorder = [1.0, 4.0, 5.2, 8.0]
realizations = 60

[[ensemble]]
length = [10, 12]
boundary = ["open", "periodic"]
disorder = [1.0, 4.0, 5.2, 8.0]
realizations = 60

[[ensemble]]
length = 10
bubble = [1, 3, 8]
disorder = [4.0, 8.0]
realizations = 60

[[ensemble]]
length = 8
bubble = 6
bandwidth = [0.1, 0.3, 0.8]
disorder = [1.0, 4.0]
realizations = 60
"""
REALIZATIONS, STATES = 60, 50


def record(model, generator):
    """One record with correlated linear entropies; larger further from the ends, smaller at
    stronger disorder."""
    length = model.length
    site = np.arange(length)
    distance = np.minimum(site, length - 1 - site)
    scale = 0.3 / (1 + model.disorder) * (1 + 0.5 * np.exp(-distance) * (model.bubble > 0))
    common = generator.uniform(0.5, 1.5)
    entropy = scale * common * generator.uniform(0, 1, (STATES, length))
    deviation = entropy - entropy.mean(axis=0)
    dims = dimensions(model)
    histogram = generator.integers(0, 20, (dims["distance"], dims["bin"]))
    values = {
        name: np.zeros([dims[d] for d in where]) if kind[0] != "S" else "none"
        for name, (kind, where, _) in FIELDS.items()
    }
    return values | {
        "gap_ratio": generator.uniform(0.3, 0.6), "states": STATES,
        "linear_entropy": entropy.mean(axis=0),
        "linear_entropy_variance": (deviation**2).mean(axis=0),
        "linear_entropy_covariance": deviation[:, [0, -1]].T @ deviation / STATES,
        "magnetization_histogram": histogram,
    }, entropy  # fmt: skip


def make(folder, keep=lambda model: True):
    """Write the store; the campaign file, the folder, and by model all entropies (R, k, L)."""
    file, data = folder / "synthetic.toml", folder / "data"
    file.write_text(CAMPAIGN)
    entropies = {}
    for number, one in enumerate(campaign.load(file).ensembles):
        if not keep(one.model):
            continue
        generator = np.random.default_rng(number)
        drawn = [record(one.model, generator) for _ in range(REALIZATIONS)]
        place = Store(data, one.model, one.seed, one.count)
        place.write_shard({i: values for i, (values, _) in enumerate(drawn)})
        place.consolidate()
        entropies[one.model] = np.array([entropy for _, entropy in drawn])
    data.mkdir(exist_ok=True)
    store.write_manifest(data)
    return file, data, entropies


def load(source, **parameters):
    file, data, _ = source
    return tables.load(file, data, **parameters)


def families(source):
    """Bubbles, open chains, periodic chains."""
    return (
        load(source, bubble=4),
        load(source, bubble=0, boundary="open"),
        load(source, boundary="periodic"),
    )
