"""What samples and campaigns cost, predicted: seconds, memory, core-hours."""

from inclusions.campaign import CERTIFIED_BELOW, Campaign
from inclusions.eigen import DENSE_BELOW
from inclusions.model import Model


def predicted_seconds(model: Model, count: int, certify: float = 0.05, ranks: int = 1) -> float:
    """Time of one sample, s: within a factor 2 where it is more than a second.

    `certify` is the share of samples whose levels are counted; `ranks`, of one core each, share it.
    """
    n, entries, flops = model.dimension, *_factor(model)
    if n < DENSE_BELOW:
        return 0.002 + 5e-10 * n**3
    share = 1.0 if n <= CERTIFIED_BELOW else certify
    # Measured (data/benchmarks): overhead and vectors, factorizations (33 GFlop/s), and Lanczos,
    # which passes over the factor some 30 times for 50 states.
    lanczos = count / 50 * (1.2e-5 * n + entries / 2e7)
    # MUMPS under PETSc, which factors over ranks, takes 2.5 times as long on one core.
    slower = 1.0 if ranks == 1 else 2.5 / ranks
    return 0.02 + slower * ((1 + 2 * share) * flops / 33e9 + lanczos)


def predicted_hours(campaign: Campaign) -> float:
    """Core-hours of a whole campaign, by `predicted_seconds`."""
    seconds = (
        one.realizations * predicted_seconds(one.model, one.count, one.certify)
        for one in campaign.ensembles
    )
    return sum(seconds) / 3600


def predicted_memory(model: Model, count: int, ranks: int = 1) -> float:
    """Peak memory of one worker or rank on one sample, MB: interpreter, factor, basis, matrix."""
    n, entries, _ = model.dimension, *_factor(model)
    if n < DENSE_BELOW:
        entries = 4.0 * n * n
    # MUMPS under PETSc orders with PORD, a third more entries, and keeps buffers beside them.
    numbers = entries * (1.0 if ranks == 1 else 2.0) + n * (6.0 * count + 100 + 6 * model.length)
    return 215 + 8e-6 * numbers / ranks


def _factor(model: Model) -> tuple[float, float]:
    """Entries and operations of the factor, by power laws in the number of chain states.

    Fitted to the structures of L = 14 ... 19; those would take seconds a model to find.
    """
    size = model.dimension / model.block / 12870
    ring = bool(model.bubble) or model.boundary == "periodic"
    entries = (6.3e6 if ring else 4.2e6) * size**1.77
    flops = (5.7e9 if ring else 2.4e9) * size**2.67
    return entries * model.block**2, flops * model.block**3
