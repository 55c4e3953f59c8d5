"""Tests whether single frames of appearance-free clips differ from true noise.

One frame of each clip is drawn. Frames of one clip share their noise, so more than one would not be
independent. The cells of a frame belong to the moving region if their noise has just moved or is
new, and to the still region otherwise. Colors are scaled to mean 0 and variance 1. In true noise
each statistic is a mean of uncorrelated terms whose mean and variance are known, so its z-score has
mean 0 and variance 1:

mean        colors
variance    squared colors
right       products of colors with the right neighbor: 0 without autocorrelation
down        the same with the lower neighbor
diagonal    the same with the lower right neighbor
repeats     share of pairs of cells with equal colors, up to 8 cells apart: noise that was copied
histogram   chi-square statistic of the 256 values

A pair of cells is in the still region if both cells are. Each statistic is compared with true noise
in both regions, and between them. The threshold is corrected for the number of these tests.
"""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Bool, Float, UInt8

LEVELS = 256
REGIONS: tuple[str, ...] = ("moving", "still")
# Probability of an alarm if all frames are true noise.
FALSE_ALARM = 0.001

# Largest distance of cells that are compared for copied noise, in cells.
_REACH = 8
_NEIGHBORS = {"right": (0, 1), "down": (1, 0), "diagonal": (1, 1)}
# Smallest expected count of a bin for which chi-square is accurate.
_MIN_COUNT = 5
# Smallest number of terms for which a mean is nearly normal. Repeats are rare, so they need more.
_MIN_TERMS = 1000
_MIN_PAIRS = 10_000
# Probability with which `detectable` deviations are found.
_POWER = 0.95
_NORMAL = statistics.NormalDist()

_UNIFORM = np.arange(LEVELS) - (LEVELS - 1) / 2
_SCALE = math.sqrt((_UNIFORM**2).mean())
_FOURTH_MOMENT = float(((_UNIFORM / _SCALE) ** 4).mean())
# Expected value and standard deviation of a term of each statistic, in true noise.
_EXPECTED = {
    "mean": (0.0, 1.0),
    "variance": (1.0, math.sqrt(_FOURTH_MOMENT - 1)),
    "right": (0.0, 1.0),
    "down": (0.0, 1.0),
    "diagonal": (0.0, 1.0),
    "repeats": (1 / LEVELS, math.sqrt(1 / LEVELS * (1 - 1 / LEVELS))),
}


@dataclasses.dataclass(eq=False)
class Tally:
    """Sums over the cells of frames.

    Attributes:
      terms: number of terms and their sum, by (statistic, region).
      counts: number of colors of each value, int64 (256,), by region.
    """

    terms: dict[tuple[str, str], tuple[int, float]]
    counts: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A statistic of single frames.

    Attributes:
      statistic: its name, see above.
      region: "moving", "still", or "moving - still" for their difference.
      terms: number of terms of the mean; 0 if there are too few for a test.
      value: the mean.
      expected: its expected value in true noise.
      error: its standard error in true noise.
      z: difference in standard errors; NaN without terms.
    """

    statistic: str
    region: str
    terms: int
    value: float
    expected: float
    error: float
    z: float


def tally(
    colors: UInt8[np.ndarray, "rows columns channels"], is_moving: Bool[np.ndarray, "rows columns"]
) -> Tally:
    """Sums up a frame.

    Args:
      colors: one color per cell, uint8 (rows, columns, channels).
      is_moving: the moving region, bool (rows, columns).
    """
    scaled = (colors - (LEVELS - 1) / 2) / _SCALE
    still = ~is_moving
    region_of = {"moving": is_moving, "still": still}

    terms = {}
    counts = {}
    for region, cells in region_of.items():
        counts[region] = np.bincount(colors[cells].ravel(), minlength=LEVELS)
        terms["mean", region] = _sum(scaled[cells])
        terms["variance", region] = _sum(scaled[cells] ** 2)

    for name, shift in _NEIGHBORS.items():
        one, other = _pairs(scaled, shift)
        for region, cells in _regions_of_pairs(still, shift):
            terms[name, region] = _sum((one * other)[cells])

    terms.update(_repeats(colors, still))
    return Tally(terms, counts)


def add(tallies: Iterable[Tally]) -> Tally:
    """Adds up the sums of frames."""
    terms: dict[tuple[str, str], tuple[int, float]] = {}
    counts = {region: np.zeros(LEVELS, np.int64) for region in REGIONS}
    for item in tallies:
        for key, (count, total) in item.terms.items():
            before = terms.get(key, (0, 0.0))
            terms[key] = before[0] + count, before[1] + total
        for region in REGIONS:
            counts[region] = counts[region] + item.counts[region]

    return Tally(terms, counts)


def findings(total: Tally) -> list[Finding]:
    """Returns all statistics of frames, given their sums."""
    results = []
    for statistic, (expected, deviation) in _EXPECTED.items():
        of_region = {}
        for region in REGIONS:
            count, value = total.terms.get((statistic, region), (0, 0.0))
            of_region[region] = _finding(statistic, region, count, value, expected, deviation)
        results += [*of_region.values(), _difference(statistic, of_region)]

    results += [_histogram(region, total.counts[region]) for region in REGIONS]
    return results


def p_value(results: Iterable[Finding]) -> float:
    """Returns the probability that true noise deviates as much, corrected for all tests, 0 to 1."""
    scores = [abs(finding.z) for finding in results if finding.terms]
    if not scores:
        return 1.0
    # Two-sided, with Bonferroni's correction.
    return min(1.0, len(scores) * math.erfc(max(scores) / math.sqrt(2)))


def detectable(finding: Finding, tests: int) -> float:
    """Returns the deviation of a statistic that the test finds with a probability of 95 %.

    Args:
      finding: the statistic.
      tests: number of statistics.
    """
    threshold = _NORMAL.inv_cdf(1 - FALSE_ALARM / tests / 2)
    return (threshold + _NORMAL.inv_cdf(_POWER)) * finding.error


def _sum(values: np.ndarray) -> tuple[int, float]:
    return values.size, float(values.sum())


def _pairs(values: np.ndarray, shift: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns each cell, and the cell `shift` (down, right) of it, where both are in the frame."""
    down, right = shift
    rows, columns = values.shape[:2]
    left = max(0, -right)
    end = columns - max(0, right)
    return values[: rows - down, left:end], values[down:, left + right : end + right]


def _regions_of_pairs(
    still: Bool[np.ndarray, "rows columns"], shift: tuple[int, int]
) -> Iterator[tuple[str, np.ndarray]]:
    one, other = _pairs(still, shift)
    both_still = one & other
    yield "moving", ~both_still
    yield "still", both_still


def _repeats(
    colors: UInt8[np.ndarray, "rows columns channels"], still: Bool[np.ndarray, "rows columns"]
) -> Mapping[tuple[str, str], tuple[int, float]]:
    """Counts pairs of equal colors, channel by channel."""
    channels = colors.shape[-1]
    pairs = dict.fromkeys(REGIONS, 0)
    equal = dict.fromkeys(REGIONS, 0.0)
    for shift in _shifts(still.shape):
        one, other = _pairs(colors, shift)
        is_equal = one == other
        for region, cells in _regions_of_pairs(still, shift):
            pairs[region] += channels * np.count_nonzero(cells)
            equal[region] += np.count_nonzero(is_equal & cells[..., None])

    return {("repeats", region): (pairs[region], equal[region]) for region in REGIONS}


def _shifts(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yields the displacements (down, right) of cells up to 8 cells apart, each pair once."""
    for down in range(min(_REACH, shape[0] - 1) + 1):
        for right in range(-min(_REACH, shape[1] - 1), min(_REACH, shape[1] - 1) + 1):
            if (down, right) > (0, 0):
                yield down, right


def _finding(
    statistic: str, region: str, count: int, total: float, expected: float, deviation: float
) -> Finding:
    if count < (_MIN_PAIRS if statistic == "repeats" else _MIN_TERMS):
        return Finding(statistic, region, 0, math.nan, expected, math.nan, math.nan)
    error = deviation / math.sqrt(count)
    value = total / count
    return Finding(statistic, region, count, value, expected, error, (value - expected) / error)


def _difference(statistic: str, of_region: Mapping[str, Finding]) -> Finding:
    """Compares a statistic of the moving region with the same of the still region."""
    moving, still = (of_region[region] for region in REGIONS)
    terms = min(moving.terms, still.terms)
    value = moving.value - still.value
    error = math.hypot(moving.error, still.error)
    return Finding(statistic, " - ".join(REGIONS), terms, value, 0.0, error, value / error)


def _histogram(region: str, counts: Float[np.ndarray, " levels"]) -> Finding:
    """Tests the distribution of values, by the normal approximation of Wilson and Hilferty."""
    expected = counts.sum() / LEVELS
    freedom = LEVELS - 1
    if expected < _MIN_COUNT:
        return Finding("histogram", region, 0, math.nan, freedom, math.nan, math.nan)

    value = float(((counts - expected) ** 2).sum() / expected)
    spread = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    error = math.sqrt(2 * freedom)
    return Finding("histogram", region, int(counts.sum()), value, freedom, error, z)
