"""Period groups: which grids are convolved in one call, and on how large a grid."""

from functools import lru_cache
from typing import NamedTuple

from .convolution import taps_inside

# Fixed cost of one group in multiplications, measured on a Zen 5 core with oneDNN.
GROUP_COST = 5_000_000
# Rows and columns of a shared shape are multiples of it. oneDNN compiles and caches a convolution
# for each shape; this halves their number at the same cost.
MULTIPLE = 4


class PeriodGroup(NamedTuple):
    """Grids ``start`` to ``stop``, of periods ``shortest`` to ``longest``, on one grid shape.

    ``kernel_shape`` is (n_chans, d_hidden, side, side), that of the narrowing convolution.
    """

    n_times: int
    kernel_shape: tuple
    shortest: int
    longest: int
    start: int
    stop: int

    @property
    def shape(self):
        """Rows and columns, large enough for each grid."""
        n_rows, n_columns = -(-self.n_times // self.shortest), self.longest
        if self.shortest == self.longest:
            return n_rows, n_columns
        return n_rows + -n_rows % MULTIPLE, n_columns + -n_columns % MULTIPLE

    @property
    def cost(self):
        """Multiplications of one convolution of all grids, plus the fixed cost."""
        n_grids = self.stop - self.start
        return GROUP_COST + n_grids * count_products(self.shape, self.kernel_shape)

    @property
    def taps(self):
        """Index of the kernel taps that can meet a grid."""
        return taps_inside(self.kernel_shape, self.shape)


def group_by_period(periods, n_times, kernel_shape):
    """Return the groups of grids, given their periods (n_grids,) in ascending order.

    Adjacent periods share a group if the larger grids cost no more than another call does.
    """
    groups: list[PeriodGroup]
    groups, start = [], 0
    runs = (t.tolist() for t in periods.unique_consecutive(return_counts=True))
    for period, count in zip(*runs, strict=True):
        group = PeriodGroup(n_times, kernel_shape, period, period, start, start + count)
        start = group.stop
        if groups:
            joined = groups[-1]._replace(longest=period, stop=group.stop)
            if joined.cost <= groups[-1].cost + group.cost:
                groups[-1] = joined
                continue
        groups.append(group)
    return groups


@lru_cache(maxsize=4096)
def count_products(grid_shape, kernel_shape):
    """Return the multiplications of a convolution of one grid, without those of the padding."""
    n_in, n_out, *sides = kernel_shape
    products = n_in * n_out
    for length, side in zip(grid_shape, sides, strict=True):
        reach = min(side // 2, length - 1)
        products *= length * (2 * reach + 1) - reach * (reach + 1)  # less the taps off both ends
    return products
