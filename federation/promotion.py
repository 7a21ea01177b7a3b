"""Whether a version was shown to be worse than the live one, by what two cohorts measured.

Each round's devices measure the version that they received on their own last events, before they
train. The mean losses of two cohorts are compared by a one-sided t-test. The loss decides, not
hits@10: at a hit rate of a tenth, twenty devices hit twice, and a version that never hits could not
be told from that at any useful level.

Two thresholds are computed and the larger one holds. Student's pools the spread of both cohorts,
which is right if the version is as good as the live one. Welch's
(https://doi.org/10.1093/biomet/34.1-2.28) keeps them apart, which is right if only the means agree;
alone it calls up to a tenth of equally good versions worse where the smaller of two very unequal
cohorts drew none of the few extreme losses, and so looks certain of its mean.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist

LEVEL = 0.01
"""Chance that a version exactly as good as the live one is called worse. It costs two rounds."""
MEASURED_MIN = 10
"""Fewer devices than that, on either side, show nothing."""
# Losses of people differ by more than a tenth of a nat. A spread below that is the grid's rounding,
# or a cohort that copies itself, and would make any difference look certain.
VARIANCE_MIN = 0.01

NOT_WORSE = "not_worse"
WORSE = "worse"
TOO_FEW = "too_few_measured"


@dataclass(frozen=True)
class Measurement:
    """What a cohort measured of a version: means over n devices.

    loss: nats; loss_squared: nats squared; n_rivals: items that a target had to beat, the block's.
    """

    n: int
    loss: float
    loss_squared: float
    n_rivals: int

    @property
    def variance(self) -> float:
        """Unbiased estimate of the losses' variance, for n of at least 2."""
        spread = (self.loss_squared - self.loss**2) * self.n / (self.n - 1)
        return max(VARIANCE_MIN, spread)


@dataclass(frozen=True)
class Comparison:
    """By how much a version's loss exceeds the live one's, and from where on that shows it worse.

    Both in nats.
    """

    difference: float
    threshold: float

    @property
    def is_worse(self) -> bool:
        """Whether the version was shown to be worse."""
        return self.difference > self.threshold


@dataclass(frozen=True)
class Verdict:
    """What becomes of a version that waited, and why. comparison: what the reason rests on."""

    reason: str
    comparison: Comparison | None = None

    @property
    def is_worse(self) -> bool:
        """Whether it must not serve."""
        return self.reason == WORSE


def judge(version: Measurement | None, live: Measurement | None) -> Verdict:
    """The verdict on a version that a cohort had. None: that side was never measured.

    What nobody could measure is not held back: its gate has passed and nothing speaks against it.
    """
    compared = compare(version, live) if version and live else None
    if compared is None:
        return Verdict(TOO_FEW)
    return Verdict(WORSE if compared.is_worse else NOT_WORSE, compared)


def compare(version: Measurement, live: Measurement, level: float = LEVEL) -> Comparison | None:
    """The comparison of two cohorts, at a one-sided level below a half; None if they are too small.

    More rivals make every guess harder: log(n_rivals) is the loss of a uniform one, so a block
    that grew is allowed the growth of that. A block that shrank is given nothing.
    """
    if min(version.n, live.n) < MEASURED_MIN:
        return None
    threshold = max(
        t_quantile(1.0 - level, freedom) * sqrt(error_squared)
        for error_squared, freedom in _errors(version, live)
    )
    allowance = max(0.0, log(version.n_rivals / live.n_rivals))
    return Comparison(version.loss - live.loss, threshold + allowance)


def _errors(one: Measurement, other: Measurement) -> Iterable[tuple[float, float]]:
    """Squared standard error of the difference and its degrees of freedom: Student's, Welch's."""
    freedom = one.n + other.n - 2
    pooled = ((one.n - 1) * one.variance + (other.n - 1) * other.variance) / freedom
    yield pooled * (1 / one.n + 1 / other.n), freedom
    parts = [(cohort.variance / cohort.n, cohort.n) for cohort in (one, other)]
    apart = sum(part for part, _ in parts)
    yield apart, apart**2 / sum(part**2 / (n - 1) for part, n in parts)


def t_quantile(probability: float, freedom: float) -> float:
    """Student's t below which `probability` lies, for at least 5 degrees of freedom.

    Hill's expansion about the normal quantile (Abramowitz & Stegun 26.7.5), within one percent for
    probabilities from 0.5 to 0.999.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
