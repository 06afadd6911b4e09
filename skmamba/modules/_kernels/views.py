"""Weighted sum of the multi-scale views of windows."""

import torch
import torch.nn.functional as F

from .convolution import convolve, input_gradient, kernel_gradient, taps_inside

aten = torch.ops.aten  # in-place GELU, which torch.nn.functional lacks
# Hidden maps computed at a time: about the size of a core's L2 cache. Memory that is reused is
# also mapped already: the page faults of fresh memory can cost more than the arithmetic.
CHUNK_BYTES = 2 << 20
# Hidden maps saved for the backward pass; the remaining ones are recomputed there.
SAVED_BYTES = 8 << 20


def sum_of_views(x, periods, weights, widen, narrow):
    """Reshape windows to grids, convolve them twice, and sum the views of each window.

    ``x`` is (batch, n_times, n_chans). ``periods``, in samples, and ``weights`` are (batch, k);
    rows of weights sum to one. ``widen`` and ``narrow`` are kernel and bias of the convolution
    before the GELU, and of the one after.
    """
    # Two frequencies of a window can have the same period: one grid has the sum of their weights.
    distinct, column = periods.unique(return_inverse=True)  # column: (B, k)
    weights = weights.new_zeros(len(x), len(distinct)).scatter_add(1, column, weights)
    which, windows = weights.t().nonzero(as_tuple=True)  # 2 x (n_grids,), sorted by period
    weights = weights[windows, which]  # (n_grids,)

    counts = which.bincount(minlength=len(distinct)).tolist()
    by_period = [t.split(counts) for t in (windows, weights.detach())]
    plan = [
        chunk
        for period, *grids in zip(distinct.tolist(), *by_period, strict=True)
        for chunk in _split(period, x.shape[1], len(widen[1]), *grids)
    ]
    inputs = x, weights, plan, *widen, narrow[0]
    total = _SumOfViews.apply(*inputs) if torch.is_grad_enabled() else _sum_up(0, *inputs)[0]
    return total + narrow[1]  # the weights of a window sum to one: this bias is added once


@torch.autocast("cpu", enabled=False)
def _sum_up(saved_bytes, x, weights, plan, widen, bias, narrow):
    """Return the sums, and the hidden maps of the first chunks, up to ``saved_bytes``."""
    total, saved = torch.zeros_like(x), []
    for chunk in plan:
        taps = taps_inside(widen, chunk.shape)
        hidden = convolve(chunk.gather(x), widen[taps], bias)  # (n, rows, columns, hidden)
        saved_bytes -= hidden.nbytes
        if saved_bytes >= 0:
            saved.append(hidden)
        hidden = F.gelu(hidden) if saved_bytes >= 0 else aten.gelu_(hidden)
        chunk.add_to(total, convolve(hidden, narrow[taps]), chunk.weights)
    return total, saved


class _SumOfViews(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *inputs):
        saved_bytes = SAVED_BYTES if any(ctx.needs_input_grad) else 0
        total, saved = _sum_up(saved_bytes, *inputs)
        x, _, ctx.plan, *kernels = inputs
        ctx.save_for_backward(x, *kernels, *saved)
        return total

    @staticmethod
    def backward(ctx, d_total):
        if torch.is_grad_enabled():  # create_graph=True: this backward has no gradient itself
            raise RuntimeError(
                "MultiScaleTemporalBlock has no second derivative: take gradients without "
                "create_graph=True."
            )
        x, widen, bias, narrow, *saved = ctx.saved_tensors
        return _gradients(ctx.needs_input_grad, d_total, x, ctx.plan, saved, widen, bias, narrow)


@torch.autocast("cpu", enabled=False)
def _gradients(needed, d_total, x, plan, saved, widen, bias, narrow):
    """Return the gradients to the inputs of ``_SumOfViews``."""
    dx = torch.zeros_like(x) if needed[0] else None
    d_weights = []
    d_widen, d_bias, d_narrow = map(torch.zeros_like, (widen, bias, narrow))
    for i, chunk in enumerate(plan):
        taps = taps_inside(widen, chunk.shape)
        grids = chunk.gather(x)  # (n, rows, columns, C)
        # (n, rows, columns, hidden)
        before = saved[i] if i < len(saved) else convolve(grids, widen[taps], bias)
        hidden = F.gelu(before)
        dy = chunk.gather(d_total, chunk.weights)  # (n, rows, columns, C)
        d_narrow[taps] += kernel_gradient(hidden, dy, narrow[taps].shape)
        d_hidden = input_gradient(dy, narrow[taps])
        if needed[1]:
            # The products contain the weight as a factor; it is zero for spare grids only.
            products = (d_hidden * hidden).sum((1, 2, 3)) / chunk.weights[:, 0, 0]
            d_weights.append(products[: chunk.n_grids])
        d_before = aten.gelu_backward.grad_input(d_hidden, before, grad_input=d_hidden)
        d_bias += d_before.sum((0, 1, 2))
        d_widen[taps] += kernel_gradient(grids, d_before, widen[taps].shape)
        if dx is not None:
            chunk.add_to(dx, input_gradient(d_before, widen[taps]))
    return dx, torch.cat(d_weights) if d_weights else None, None, d_widen, d_bias, d_narrow


class Chunk:
    """Grids of one period: windows and weights, padded with zero weights to a rounded number."""

    def __init__(self, shape, n_times, windows, weights):
        self.shape, self.n_times, self.n_grids = shape, n_times, len(windows)
        spare = round_size(len(windows)) - len(windows)  # grids of weight 0, of the first window
        self.windows = F.pad(windows, (0, spare))  # (n,)
        self.weights = F.pad(weights, (0, spare))[:, None, None]  # (n, 1, 1)

    def gather(self, x, weights=None):  # (batch, T, C) -> (n, rows, columns, C)
        x = x.index_select(0, self.windows)  # (n, T, C)
        x = x if weights is None else x * weights
        missing = self.shape[0] * self.shape[1] - self.n_times
        x = F.pad(x, (0, 0, 0, missing)) if missing else x  # zeros at the end of the last row
        return x.unflatten(1, self.shape)

    def add_to(self, total, grids, weights=None):
        x = grids.flatten(1, 2)[:, : self.n_times]  # (n, T, C)
        total.index_add_(0, self.windows, x if weights is None else x * weights)


def _split(period, n_times, n_hidden, windows, weights):
    """Yield the grids of a period in chunks whose hidden maps fit into CHUNK_BYTES."""
    shape = -(-n_times // period), period
    size = CHUNK_BYTES // (shape[0] * shape[1] * n_hidden * weights.element_size())
    size = round_size(max(1, size))
    for parts in zip(windows.split(size), weights.split(size), strict=True):
        yield Chunk(shape, n_times, *parts)


def round_size(n):
    """Round a number of grids up to a power of two or to three quarters of one, for few shapes."""
    power = 1 << (n - 1).bit_length()
    return power * 3 // 4 if n <= power * 3 // 4 else power
