import math
import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.selection import DropoutBelief, delivery_probability, invitations, learn_dropout

# Over-selection for 99 % success, computed independently: target -> {drop-out: factor}.
FACTORS = {
    10: {0.06: 1.30, 0.10: 1.40, 0.20: 1.80, 0.30: 2.10},
    20: {0.06: 1.25, 0.10: 1.35, 0.20: 1.60, 0.30: 1.90},
    50: {0.06: 1.16, 0.10: 1.24, 0.20: 1.46, 0.30: 1.72},
    100: {0.06: 1.13, 0.10: 1.20, 0.20: 1.39, 0.30: 1.62},
    1000: {0.06: 1.08, 0.10: 1.14, 0.20: 1.29, 0.30: 1.49},
}
# Rendezvous of few, unreliable devices: (target, drop-out) -> invitations.
RENDEZVOUS = {
    (20, 0.80): 153,
    (20, 0.65): 84,
    (20, 0.50): 57,
    (100, 0.80): 611,
    (100, 0.65): 343,
    (100, 0.50): 235,
}


@pytest.mark.parametrize(
    ("target", "dropout", "success"),
    [(0, 0.1, 0.99), (1, -0.1, 0.99), (1, 1.0, 0.99), (1, 0.1, 0.0), (1, 0.1, 1.0)],
)
def test_out_of_range(target: int, dropout: float, success: float) -> None:
    with pytest.raises(ValueError, match="required"):
        invitations(target, dropout, success)


@pytest.mark.parametrize("target", FACTORS)
def test_known_factors(target: int) -> None:
    for dropout, factor in FACTORS[target].items():
        assert invitations(target, dropout) / target == pytest.approx(factor, abs=0.0051)


@pytest.mark.parametrize(("case", "expected"), RENDEZVOUS.items())
def test_known_counts(case: tuple[int, float], expected: int) -> None:
    assert invitations(*case) == expected


def exact_probability(n: int, target: int, dropout: Fraction) -> Fraction:
    kept = 1 - dropout
    return sum(
        (math.comb(n, k) * kept**k * dropout ** (n - k) for k in range(target, n + 1)),
        Fraction(0),
    )


@settings(max_examples=40, deadline=None)
@given(target=st.integers(1, 30), percent=st.integers(1, 80))
def test_smallest_number_that_suffices_in_exact_arithmetic(target: int, percent: int) -> None:
    dropout = Fraction(percent, 100)
    n = invitations(target, percent / 100)
    success = Fraction(99, 100)
    assert exact_probability(n, target, dropout) >= success
    assert exact_probability(n - 1, target, dropout) < success
    assert delivery_probability(n, target, percent / 100) == pytest.approx(
        float(exact_probability(n, target, dropout)), abs=1e-10
    )


def test_without_dropout_nobody_extra_is_invited() -> None:
    assert invitations(100, 0.0) == 100
    assert invitations(100, 1e-12) == 100


def test_hopeless_dropout_still_ends() -> None:
    assert 4000 < invitations(1, 0.999) < 5000


@pytest.mark.parametrize(
    ("granted", "accepted", "undecided"), [(5, 6, 0), (5, 3, 3), (5, -1, 0), (5, 5, -1)]
)
def test_counts_that_do_not_add_up(granted: int, accepted: int, undecided: int) -> None:
    with pytest.raises(ValueError, match="add up"):
        learn_dropout(granted, accepted, DropoutBelief(), undecided=undecided)


def test_belief_must_be_proper() -> None:
    with pytest.raises(ValueError, match="positive"):
        DropoutBelief(lost=0.0)
    with pytest.raises(ValueError, match="memory"):
        learn_dropout(1, 1, DropoutBelief(), undecided=0, memory=1.0)


def test_belief_finds_the_rate_and_follows_a_change() -> None:
    belief = DropoutBelief()
    for _ in range(30):
        belief = learn_dropout(100, 95, belief, undecided=0)
    assert belief.mean == pytest.approx(0.05, abs=0.01)
    for _ in range(10):
        belief = learn_dropout(100, 60, belief, undecided=0)
    assert belief.mean == pytest.approx(0.40, abs=0.05)


def test_extreme_rounds_keep_the_rate_inside() -> None:
    never = always = DropoutBelief()
    for _ in range(1000):
        never = learn_dropout(2000, 0, never, undecided=0)
        always = learn_dropout(2000, 2000, always, undecided=0)
    assert 0 < always.mean < 0.01
    assert 0.99 < never.mean < 1


def rounds_at_target(undecided_known: bool, n_rounds: int = 60) -> list[int]:
    """Invitations of rounds that each close at 50 deliveries, at a true drop-out of 0.1."""
    rng, belief, invited = random.Random(5), DropoutBelief(), []
    for _ in range(n_rounds):
        invited.append(invitations(50, belief.mean))
        kept = [rng.random() >= 0.1 for _ in range(invited[-1])]
        accepted = min(50, sum(kept))
        closed = sum(kept) >= 50
        undecided = invited[-1] - accepted if closed and undecided_known else 0
        belief = learn_dropout(invited[-1], accepted, belief, undecided=undecided)
    return invited


def test_rounds_that_reach_their_target_do_not_invite_ever_more() -> None:
    assert max(rounds_at_target(undecided_known=True)[5:]) < 90
    # The trap: cut-off leases taken for lost ones.
    assert max(rounds_at_target(undecided_known=False)) > 150
