"""Weighted sum of the multi-scale views of windows."""

import torch
import torch.nn.functional as F

from . import convolution
from .groups import group_by_period

aten = torch.ops.aten  # in-place GELU, which torch.nn.functional lacks
# Hidden maps computed at a time: about the size of a core's L2 cache. Memory that is reused is
# also mapped already: the page faults of fresh memory can cost more than the arithmetic.
CHUNK_BYTES = 2 << 20
# Hidden maps saved for the backward pass; the remaining ones are recomputed there.
SAVED_BYTES = 8 << 20


def sum_of_views(x, periods, weights, widen, narrow):
    """Reshape windows to grids, convolve them twice, and sum the views of each window.

    Memory grows with the batch, but not with the number of grids or of hidden maps: these are
    computed in chunks, and recomputed in the backward pass beyond ``SAVED_BYTES``.

    Parameters
    ----------
    x : Tensor of shape (batch, n_times, n_chans)
        Windows.
    periods, weights : Tensor of shape (batch, k)
        Periods in samples, and weights of the views; rows of weights sum to one.
    widen, narrow : tuple of Tensor
        Kernel and bias of the convolution before the GELU, and of the one after.
    """
    # Two frequencies of a window can have the same period: one grid has the sum of their weights.
    distinct, column = periods.unique(return_inverse=True)  # column: (B, k)
    weights = weights.new_zeros(len(x), len(distinct)).scatter_add(1, column, weights)
    which, windows = weights.t().nonzero(as_tuple=True)  # 2 x (n_grids,), sorted by period
    periods, weights = distinct[which], weights[windows, which]  # 2 x (n_grids,)

    groups = group_by_period(periods, x.shape[1], narrow[0].shape)
    grids = windows, periods, weights.detach()
    plan = [(group, list(_split(group, *grids))) for group in groups]
    inputs = x, weights, plan, *widen, narrow[0]
    total = _SumOfViews.apply(*inputs) if torch.is_grad_enabled() else _sum_up(0, *inputs)[0]
    return total + narrow[1]  # the weights of a window sum to one: this bias is added once


def _sum_up(saved_bytes, x, weights, plan, widen, bias, narrow):
    """Return the sums, and up to ``saved_bytes`` of hidden maps by the first grid of a chunk."""
    total, saved = torch.zeros_like(x), {}
    with torch.autocast("cpu", enabled=False):
        for group, chunks in plan:
            taps = group.taps
            for chunk in chunks:
                hidden = convolve(chunk.gather(x), widen[taps], bias)  # (n, rows, columns, hidden)
                saved_bytes -= hidden.nbytes
                if saved_bytes >= 0:
                    saved[chunk.start] = hidden
                hidden = F.gelu(hidden) if saved_bytes >= 0 else aten.gelu_(hidden)
                y = convolve(chunk.mask_(hidden), narrow[taps])  # (n, rows, columns, C)
                chunk.add_to(total, y, chunk.weights)
    return total, saved


class _SumOfViews(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *inputs):
        saved_bytes = SAVED_BYTES if any(ctx.needs_input_grad) else 0
        total, saved = _sum_up(saved_bytes, *inputs)
        x, _, ctx.plan, *kernels = inputs
        ctx.saved_starts = list(saved)
        ctx.save_for_backward(x, *kernels, *saved.values())
        return total

    @staticmethod
    def backward(ctx, d_total):
        if torch.is_grad_enabled():  # create_graph=True: this backward has no gradient itself
            raise RuntimeError(
                "MultiScaleTemporalBlock has no second derivative: take gradients without "
                "create_graph=True."
            )
        x, *kernels = ctx.saved_tensors[:4]
        saved = dict(zip(ctx.saved_starts, ctx.saved_tensors[4:], strict=True))
        with torch.autocast("cpu", enabled=False):
            return _gradients(ctx.needs_input_grad, d_total, x, ctx.plan, saved, *kernels)


def _gradients(needed, d_total, x, plan, saved, widen, bias, narrow):
    """Return the gradients to the inputs of ``_SumOfViews``."""
    dx = torch.zeros_like(x) if needed[0] else None
    d_weights = []
    d_widen, d_bias, d_narrow = map(torch.zeros_like, (widen, bias, narrow))
    for group, chunks in plan:
        taps = group.taps
        group_widen, group_narrow = map(torch.zeros_like, (widen[taps], narrow[taps]))
        for chunk in chunks:
            grids = chunk.gather(x)  # (n, rows, columns, C)
            before = saved.get(chunk.start)  # (n, rows, columns, hidden)
            if before is None:
                before = convolve(grids, widen[taps], bias)
            hidden = chunk.mask_(F.gelu(before))
            dy = chunk.gather(d_total, chunk.weights)  # (n, rows, columns, C)
            group_narrow += kernel_gradient(hidden, dy, group_narrow.shape)
            d_hidden = chunk.mask_(input_gradient(dy, narrow[taps]))
            if needed[1]:
                d_weights.append(chunk.weight_gradients(d_hidden * hidden))
            d_before = aten.gelu_backward.grad_input(d_hidden, before, grad_input=d_hidden)
            d_bias += d_before.sum((0, 1, 2))
            group_widen += kernel_gradient(grids, d_before, group_widen.shape)
            if dx is not None:
                chunk.add_to(dx, input_gradient(d_before, widen[taps]))
        d_widen[taps] += group_widen
        d_narrow[taps] += group_narrow
    return dx, torch.cat(d_weights) if d_weights else None, None, d_widen, d_bias, d_narrow


# Grids are (n, rows, columns, channels), the memory format that oneDNN prefers. torch's
# convolutions take shapes with the channels first: these views do not copy.


def convolve(grids, *kernel):
    return convolution.convolve(grids.permute(0, 3, 1, 2), *kernel).permute(0, 2, 3, 1)


def input_gradient(dy, kernel):
    return convolution.input_gradient(dy.permute(0, 3, 1, 2), kernel).permute(0, 2, 3, 1)


def kernel_gradient(grids, dy, shape):
    return convolution.kernel_gradient(grids.permute(0, 3, 1, 2), dy.permute(0, 3, 1, 2), shape)


class Chunk:
    """Some grids of a period group: their windows, layout and weights."""

    layout: "Reshape | SharedGrid"

    def __init__(self, group, start, stop, windows, periods, weights):
        self.start, self.n_grids, self.windows = start, stop - start, windows
        self.weights = weights[:, None, None]  # (n, 1, 1)
        if group.shortest == group.longest:
            self.layout = Reshape(group.n_times, group.longest)
        else:
            self.layout = SharedGrid(group.n_times, periods, group.shape)

    def gather(self, x, weights=None):  # (batch, T, C) -> (n, rows, columns, C)
        x = x.index_select(0, self.windows)  # (n, T, C)
        return self.layout.to_grids(x if weights is None else x * weights)

    def add_to(self, total, grids, weights=None):
        x = self.layout.to_series(grids)  # (n, T, C)
        total.index_add_(0, self.windows, x if weights is None else x * weights)

    def mask_(self, grids):
        """Set points outside of the grids to zero, in place."""
        inside = self.layout.inside
        return grids if inside is None else grids.mul_(inside)

    def weight_gradients(self, products):
        # The products contain the weight as a factor; it is zero for spare grids only.
        gradients = products.sum((1, 2, 3)) / self.weights[:, 0, 0]
        return gradients[: self.n_grids]


class Reshape:
    """Layout of grids of one period: a reshape, with zeros at the end of the last row."""

    inside = None  # every point belongs to a grid

    def __init__(self, n_times, period):
        self.n_times, self.period, self.n_rows = n_times, period, -(-n_times // period)

    def to_grids(self, x):  # (n, T, C) -> (n, rows, columns, C)
        missing = self.n_rows * self.period - self.n_times
        x = F.pad(x, (0, 0, 0, missing)) if missing else x
        return x.unflatten(1, (self.n_rows, self.period))

    def to_series(self, grids):  # (n, rows, columns, C) -> (n, T, C)
        return grids.flatten(1, 2)[:, : self.n_times]


class SharedGrid:
    """Layout of grids of several periods in the corner of arrays of one shape."""

    def __init__(self, n_times, periods, shape):
        self.shape, (n_rows, n_columns), device = shape, shape, periods.device
        rows = torch.arange(n_rows, device=device)[:, None]
        columns = torch.arange(n_columns, device=device)
        periods = periods[:, None, None]
        times = rows * periods + columns  # (n, rows, columns)
        inside = (columns < periods) & (rows * periods < n_times)
        self.inside = inside[..., None]  # (n, rows, columns, 1)
        # Points outside, and those after the last sample, read the zero at index n_times.
        self._times = torch.where(inside, times, n_times).clamp_max(n_times)
        time, periods = torch.arange(n_times, device=device), periods[..., 0]
        self._places = time // periods * n_columns + time % periods  # (n, T)

    def to_grids(self, x):  # (n, T, C) -> (n, rows, columns, C)
        return _take(F.pad(x, (0, 0, 0, 1)), self._times.flatten(1)).unflatten(1, self.shape)

    def to_series(self, grids):  # (n, rows, columns, C) -> (n, T, C)
        return _take(grids.flatten(1, 2), self._places)


def _take(points, index):
    """Take ``index`` (n, m) from each of ``points`` (n, l, C)."""
    n, length, _ = points.shape
    index = index + torch.arange(0, n * length, length, device=index.device)[:, None]
    return points.flatten(0, 1).index_select(0, index.flatten()).unflatten(0, (n, -1))


def _split(group, windows, periods, weights):
    """Yield the grids of a group in chunks whose hidden maps fit into CHUNK_BYTES."""
    maps = group.shape[0] * group.shape[1] * group.kernel_shape[1] * weights.element_size()
    size = round_size(max(1, CHUNK_BYTES // maps))
    for start in range(group.start, group.stop, size):
        stop = min(start + size, group.stop)
        parts = (t[start:stop] for t in (windows, periods, weights))
        yield Chunk(group, start, stop, *_fill_up(*parts))


def round_size(n):
    """Round a number of grids up to a power of two or to three quarters of one.

    oneDNN compiles a convolution for each new shape and caches about a thousand. Chunks of
    arbitrary size would be recompiled again and again, which costs more than a few spare grids.
    """
    power = 1 << (n - 1).bit_length()
    return power * 3 // 4 if n <= power * 3 // 4 else power


def _fill_up(windows, periods, weights):
    """Add spare grids of weight zero, of the first window, up to a rounded size."""
    spare = round_size(len(windows)) - len(windows)
    if not spare:
        return windows, periods, weights
    windows, weights = F.pad(windows, (0, spare)), F.pad(weights, (0, spare))
    return windows, F.pad(periods, (0, spare), value=int(periods[-1])), weights
