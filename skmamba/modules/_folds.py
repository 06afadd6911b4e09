"""Windows folded at their periods, convolved twice and added up: the loop of the MSTB."""

import torch
import torch.nn.functional as F

from ._direct_conv import DirectConv
from ._fold_groups import group_folds
from ._folding import Folding, SharedFolding
from ._spectral_conv import Scratch, SpectralConv

aten = torch.ops.aten  # works in place where torch.nn.functional does not
# Hidden maps computed at a time: about what a core keeps in its cache.
CHUNK_BYTES = 2 << 20
# Hidden maps kept for the backward pass, which computes all others again.
KEPT_BYTES = 8 << 20


def sum_of_folds(x, windows, periods, shares, widen, narrow):
    """Fold windows, convolve the grids twice, and add up each window's folds by share.

    Memory grows with the batch and not with the number of folds or of hidden maps: these are
    computed in chunks, and again in the backward pass once a few are kept.

    Parameters
    ----------
    x : Tensor of shape (batch, n_times, n_chans)
        Windows.
    windows, periods, shares : Tensor of shape (n_folds,)
        Which window a fold is of; its period in time points, in ascending order; its share,
        where those of a window add up to one.
    widen, narrow : tuple of Tensor
        Kernel and bias of the convolution before the GELU, and of the one after.

    Returns
    -------
    y : Tensor of shape (batch, n_times, n_chans)
        Sums of folds.
    """
    groups = group_folds(periods, x.shape[1], narrow[0].shape)
    folds = windows, periods, shares.detach()
    plan = [(group, list(chunks(group, *folds))) for group in groups]
    inputs = x, shares, plan, *widen, narrow[0]
    total = _SumOfFolds.apply(*inputs) if torch.is_grad_enabled() else _sum_up(*inputs)[0]
    return total + narrow[1]  # shares add up to one, so this bias counts once


def _sum_up(x, shares, plan, *kernels, to_keep=0):
    """Return the sums, and up to ``to_keep`` bytes of hidden maps by the start of their chunk."""
    total, scratch, kept = torch.zeros_like(x), Scratch(x.dtype), {}
    with torch.autocast(x.device.type, enabled=False):
        for group, parts in plan:
            widen, narrow = convolutions(group, scratch, *kernels)
            for folds in parts:
                hidden = widen.forward(folds.grids(x))  # (n, rows, columns, d_hidden)
                to_keep -= hidden.nbytes
                if to_keep >= 0:
                    kept[folds.chunk.start] = hidden
                hidden = F.gelu(hidden) if to_keep >= 0 else aten.gelu_(hidden)
                y = narrow.forward(folds.keep_inside(hidden))  # (n, rows, columns, C)
                folds.add_to(total, y, folds.shares)
    return total, kept


class _SumOfFolds(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, shares, plan, *kernels):
        to_keep = KEPT_BYTES if any(ctx.needs_input_grad) else 0
        total, kept = _sum_up(x, shares, plan, *kernels, to_keep=to_keep)
        ctx.plan, ctx.kept_starts = plan, list(kept)
        ctx.save_for_backward(x, *kernels, *kept.values())
        return total

    @staticmethod
    def backward(ctx, d_total):
        if torch.is_grad_enabled():  # a graph of this backward is wanted, and would lack terms
            raise RuntimeError(
                "MultiScaleTemporalBlock has no second derivative: take gradients without "
                "create_graph=True."
            )
        x, *kernels = ctx.saved_tensors[:4]
        kept = dict(zip(ctx.kept_starts, ctx.saved_tensors[4:], strict=True))
        dx = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        d_shares = []
        d_widen, d_bias, d_narrow = map(torch.zeros_like, kernels)
        scratch = Scratch(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            for group, parts in ctx.plan:
                widen, narrow = convolutions(group, scratch, *kernels)
                for folds in parts:
                    before = kept.get(folds.chunk.start)  # (n, rows, columns, d_hidden)
                    if before is None:
                        before = widen.forward(folds.grids(x))
                    else:
                        widen.see(folds.grids(x))
                    hidden = folds.keep_inside(F.gelu(before))
                    narrow.see(hidden)
                    d_hidden = narrow.backward(folds.grids(d_total, folds.shares))
                    d_hidden = folds.keep_inside(d_hidden)
                    if ctx.needs_input_grad[1]:
                        d_shares.append(folds.share_gradients(d_hidden * hidden))
                    d_before = aten.gelu_backward.grad_input(d_hidden, before, grad_input=d_hidden)
                    d_bias += d_before.sum((0, 1, 2))
                    d_grids = widen.backward(d_before, input_gradient=dx is not None)
                    if dx is not None:
                        folds.add_to(dx, d_grids)
                d_widen[group.taps] += widen.weight_gradient
                d_narrow[group.taps] += narrow.weight_gradient
        d_shares = torch.cat(d_shares) if d_shares else None
        return dx, d_shares, None, d_widen, d_bias, d_narrow


class Folds:
    """Some folds of a group: which windows, laid out how, with what weight in the sum."""

    folding: Folding | SharedFolding

    def __init__(self, group, chunk, windows, periods, shares):
        self.chunk = chunk
        self.windows = windows
        self.shares = shares[:, None, None]  # (n, 1, 1)
        if group.shortest == group.longest:
            self.folding = Folding(group.n_times, group.longest)
        else:
            self.folding = SharedFolding(group.n_times, periods, group.shape)

    def grids(self, x, weights=None):  # (batch, n_times, C) -> (n, rows, columns, C)
        x = x.index_select(0, self.windows)
        return self.folding.fold(x if weights is None else x * weights)

    def add_to(self, total, grids, weights=None):
        x = self.folding.unfold(grids)  # (n, n_times, C)
        total.index_add_(0, self.windows, x if weights is None else x * weights)

    def keep_inside(self, grids):
        inside = self.folding.inside
        return grids if inside is None else grids.mul_(inside)

    def share_gradients(self, products):
        # The products carry the share, which is never zero but for spare folds.
        gradients = products.sum((1, 2, 3)) / self.shares[:, 0, 0]
        return gradients[: self.chunk.stop - self.chunk.start]


def convolutions(group, scratch, widen, bias, narrow):
    """Return the two convolutions of a group's grids, by the cheaper method."""
    widen, narrow = widen[group.taps], narrow[group.taps]
    if _is_spectral(group, widen.device):
        widen = SpectralConv(scratch, "widen", group.shape, widen, bias)
        return widen, SpectralConv(scratch, "narrow", group.shape, narrow)
    return DirectConv(widen, bias), DirectConv(narrow)


def chunks(group, windows, periods, shares):
    """Yield the folds of a group, as many at a time as the cache holds."""
    size = group.stop - group.start
    spectral = _is_spectral(group, shares.device)
    if shares.device.type == "cpu":
        maps = group.shape[0] * group.shape[1] * group.kernel_shape[1] * shares.element_size()
        most = max(1, CHUNK_BYTES // maps)
        size = -(-size // -(-size // most)) if spectral else round_size(most)
    for start in range(group.start, group.stop, size):
        chunk = slice(start, min(start + size, group.stop))
        which = windows[chunk], periods[chunk], shares[chunk]
        if not spectral:
            which = _fill_up(*which)
        yield Folds(group, chunk, *which)


def round_size(n):
    """Round a number of folds up to a power of two or to three quarters of one.

    oneDNN compiles a convolution for every new shape and keeps about a thousand: chunks of any
    size would be compiled again and again, which costs more than a few spare folds.
    """
    power = 1 << (n - 1).bit_length()
    return power * 3 // 4 if n <= power * 3 // 4 else power


def _fill_up(windows, periods, shares):
    """Add spare folds, of the first window and without a share, up to a round number."""
    spare = round_size(len(windows)) - len(windows)
    if not spare:
        return windows, periods, shares
    windows, shares = F.pad(windows, (0, spare)), F.pad(shares, (0, spare))
    return windows, F.pad(periods, (0, spare), value=int(periods[-1])), shares


def _is_spectral(group, device):
    return group.is_spectral and device.type == "cpu"
