from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inclusions.basis import chain_states, rank, spins


def test_sector_of_four_spins_is_the_one_written_by_hand():
    assert chain_states(4, 2).tolist() == [0b0011, 0b0101, 0b0110, 0b1001, 0b1010, 0b1100]


@pytest.mark.parametrize("length", range(1, 13))
def test_sectors_hold_every_bit_string_once_and_in_order(length):
    for up in range(length + 1):
        expected = [s for s in range(2**length) if s.bit_count() == up]
        assert chain_states(length, up).tolist() == expected


@given(st.integers(1, 14).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_rank_is_the_position_in_the_sector(sector):
    length, up = sector
    states = chain_states(length, up)
    assert np.array_equal(rank(states, length), np.arange(comb(length, up)))


@given(st.sets(st.integers(0, 61), max_size=61))
def test_rank_of_sixty_two_spins_counts_the_smaller_strings(bits):
    # Without a table of the sector: those that agree above a set bit and have it unset.
    state = sum(1 << bit for bit in bits)
    smaller = sum(comb(bit, k) for k, bit in enumerate(sorted(bits), 1))
    assert rank(np.array([state]), 62)[0] == smaller


def test_a_sparse_sector_of_the_longest_chain_is_complete():
    states = chain_states(62, 2)
    assert states.size == comb(62, 2)
    assert (np.diff(states) > 0).all()
    assert states[-1] == (1 << 61) | (1 << 60)
    assert np.array_equal(rank(states, 62), np.arange(states.size))


def test_bit_i_is_spin_i_and_one_is_up():
    assert spins(np.array([0b001, 0b110]), 3).tolist() == [[0.5, -0.5, -0.5], [-0.5, 0.5, 0.5]]


@given(st.integers(1, 10).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_spins_of_a_sector_sum_to_its_magnetization(sector):
    length, up = sector
    total = spins(chain_states(length, up), length).sum(axis=1)
    assert (total == up - length / 2).all()


@pytest.mark.parametrize("up", [-1, 5])
def test_a_sector_that_is_none_is_refused(up):
    with pytest.raises(ValueError, match=r"up must be in 0 \.\.\. 4, got"):
        chain_states(4, up)


def test_shared_states_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        chain_states(4, 2)[0] = 0
