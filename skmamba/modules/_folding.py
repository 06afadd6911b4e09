"""Series laid out as grids with one period a row, and back."""

import torch
import torch.nn.functional as F


class Folding:
    """Grids of one period: rows of ``period`` points, the last one filled up with zeros."""

    inside = None  # every point of a grid belongs to the fold

    def __init__(self, n_times, period):
        self.n_times, self.period, self.n_rows = n_times, period, -(-n_times // period)

    def fold(self, x):  # (n, n_times, C) -> (n, rows, columns, C)
        missing = self.n_rows * self.period - self.n_times
        x = F.pad(x, (0, 0, 0, missing)) if missing else x
        return x.unflatten(1, (self.n_rows, self.period))

    def unfold(self, grids):  # (n, rows, columns, C) -> (n, n_times, C)
        return grids.flatten(1, 2)[:, : self.n_times]


class SharedFolding:
    """Grids of several periods, all as large as the largest: the rest of a grid is zero.

    Attributes
    ----------
    inside : Tensor of shape (n, rows, columns, 1)
        Which points belong to a fold.
    """

    def __init__(self, n_times, periods, shape):
        self.shape, (n_rows, n_columns) = shape, shape
        device = periods.device
        rows = torch.arange(n_rows, device=device)[:, None]
        columns = torch.arange(n_columns, device=device)
        periods = periods[:, None, None]
        times = rows * periods + columns  # (n, rows, columns)
        self.inside = ((columns < periods) & (rows * periods < n_times))[..., None]
        # One silent point stands after the last for all that is outside.
        self._times = torch.where(self.inside[..., 0], times, n_times).clamp_max(n_times)
        time = torch.arange(n_times, device=device)
        periods = periods[..., 0]
        self._places = time // periods * n_columns + time % periods  # (n, n_times)

    def fold(self, x):  # (n, n_times, C) -> (n, rows, columns, C)
        return _take(F.pad(x, (0, 0, 0, 1)), self._times.flatten(1)).unflatten(1, self.shape)

    def unfold(self, grids):  # (n, rows, columns, C) -> (n, n_times, C)
        return _take(grids.flatten(1, 2), self._places)


def _take(points, index):
    """Take ``index`` (n, m) from each of ``points`` (n, l, C)."""
    n, length, _ = points.shape
    index = index + torch.arange(0, n * length, length, device=index.device)[:, None]
    return points.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, (n, -1))
