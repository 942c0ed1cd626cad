import numpy as np
import pytest
import xarray as xr

from inclusions import estimates, experiments
from inclusions.model import Model
from inclusions.tables import variations as tables


def samples(purity: np.ndarray) -> xr.Dataset:
    """Records of chains of 4 whose realizations have these purities on all sites."""
    entropy = np.repeat(1 - purity[:, None], 4, axis=1)
    return xr.Dataset({"linear_entropy": (("realization", "site"), entropy)})


def test_a_share_of_thermal_samples_lies_between_its_bounds():
    rng = np.random.default_rng(1)
    chain, bubble = rng.uniform(0.7, 1.0, (2, 2000))
    bubble = np.where(rng.uniform(size=2000) < 0.2, 0.52, bubble)
    found, upper = estimates.thermal_fraction(samples(bubble), samples(chain))
    assert found.least < 0.2 < upper
    assert found.least > 0.1
    assert upper < 0.24


def test_a_shift_of_all_samples_is_no_share_of_them():
    rng = np.random.default_rng(1)
    chain, bubble = rng.uniform(0.7, 1.0, (2, 2000))
    found, upper = estimates.thermal_fraction(samples(bubble - 0.05), samples(chain))
    assert found.least > upper


def test_windows_grow_with_the_states_and_change_against_the_first():
    table = experiments.windows([Model(6, 3.0)], counts=[5, 10, 50], realizations=3)
    assert table.states.tolist() == [5, 10, 20]
    assert table.share.is_monotonic_increasing
    assert table.share.iloc[-1] == pytest.approx(1)
    assert table.change.iloc[0] == 0
    assert table.change.to_numpy() == pytest.approx(table.purity - table.purity.iloc[0], abs=1e-12)


def test_published_values_have_a_source_each():
    assert tables.published().source.str.startswith("{cite").all()
