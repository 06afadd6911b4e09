"""Which folds are convolved together, on grids of which size, and by which method."""

from dataclasses import dataclass
from functools import lru_cache

from ._direct_conv import taps_inside

# What a group costs by itself, and what one product between spectra costs, both in products of a
# direct convolution: measured on a Zen 5 core with oneDNN and MKL.
GROUP_COST, SPECTRAL_COST = 5_000_000, 3


@dataclass(frozen=True)
class FoldGroup:
    """Neighbours among folds in order of period, on grids large enough for all of them.

    Parameters
    ----------
    n_times : int
        Time points of a window.
    kernel_shape : tuple of int
        ``(channels, d_hidden, side, side)`` of the convolutions.
    shortest, longest : int
        Range of periods.
    start, stop : int
        Range of folds.
    """

    n_times: int
    kernel_shape: tuple
    shortest: int
    longest: int
    start: int
    stop: int

    @property
    def shape(self):
        """Rows and columns of the grids."""
        return -(-self.n_times // self.shortest), self.longest

    @property
    def is_spectral(self):
        """Whether products of spectra are the cheaper way."""
        return self._cost(spectral_cost) < self._cost(direct_cost)

    @property
    def cost(self):
        """Products of one convolution by the cheaper way."""
        return min(self._cost(spectral_cost), self._cost(direct_cost))

    def _cost(self, method):
        once, each = method(self.shape, self.kernel_shape)
        return GROUP_COST + once + each * (self.stop - self.start)

    def joined(self, following):
        """Return the group of these folds and of those that follow."""
        longest, stop = following.longest, following.stop
        return FoldGroup(self.n_times, self.kernel_shape, self.shortest, longest, self.start, stop)

    @property
    def taps(self):
        """Index of the kernel's taps that can meet a grid."""
        return taps_inside(self.kernel_shape, self.shape)


def group_folds(periods, n_times, kernel_shape):
    """Group folds so that each group costs no more than its halves would.

    Parameters
    ----------
    periods : Tensor of shape (n_folds,)
        Periods in ascending order.
    n_times : int
        Time points of a window.
    kernel_shape : tuple of int
        ``(channels, d_hidden, side, side)`` of the convolutions.

    Returns
    -------
    groups : list of FoldGroup
        All folds, in their order.
    """
    groups: list[FoldGroup]
    groups, start = [], 0
    runs = (t.tolist() for t in periods.unique_consecutive(return_counts=True))
    for period, count in zip(*runs, strict=True):
        group = FoldGroup(n_times, kernel_shape, period, period, start, start + count)
        if groups and (joined := groups[-1].joined(group)).cost <= groups[-1].cost + group.cost:
            groups[-1] = joined
        else:
            groups.append(group)
        start += count
    return groups


@lru_cache(maxsize=4096)
def direct_cost(shape, kernel_shape):
    """Products of a direct convolution: of a group in any case (none), and of each fold."""
    n_in, n_out, *sides = kernel_shape
    meets = 1
    for n, side in zip(shape, sides, strict=True):
        reach = min(side // 2, n - 1)
        meets *= n * (2 * reach + 1) - reach * (reach + 1)  # less what falls off both ends
    return 0, n_in * n_out * meets


@lru_cache(maxsize=4096)
def spectral_cost(shape, kernel_shape):
    """Products between spectra: of a group for its kernel, and of each fold."""
    n_in, n_out, *sides = kernel_shape
    reaches = [min(side // 2, n - 1) for n, side in zip(shape, sides, strict=True)]
    sizes = sorted(zip(shape, reaches, strict=True))  # the shorter side first, to half its bins
    (short, short_reach), (long, long_reach) = sizes
    short_bins, long_bins = (short + short_reach) // 2 + 1, long + long_reach

    def transform(short, long):
        return short_bins * long * (short + long_bins)

    once = n_in * n_out * transform(2 * short_reach + 1, 2 * long_reach + 1)
    each = (n_in + n_out) * transform(short, long) + n_in * n_out * short_bins * long_bins
    return 4 * SPECTRAL_COST * once, 4 * SPECTRAL_COST * each  # a complex product is four
