"""Same-size convolution of grids by their discrete Fourier transform, as matrix products."""

import functools
import math

import torch


class SpectralConv:
    """A convolution, and its gradients to what it saw last; those to the kernel add up.

    A product of spectra, whose cost does not grow with the number of taps. The shorter side of
    the grids is transformed first; then, one bin of it after the other, the longer side: whole
    spectra are never there, and what is there fits a cache.

    Parameters
    ----------
    scratch : Scratch
        Memory to work in.
    name : str
        Tells convolutions apart that share the scratch and are used in turns.
    shape : tuple of int
        Rows and columns of a grid.
    weight : Tensor of shape (out_channels, in_channels, kernel_rows, kernel_columns)
        Kernel with odd sides.
    bias : Tensor of shape (out_channels,), default=None
        Added to the result.
    """

    def __init__(self, scratch, name, shape, weight, bias=None):
        self.scratch, self.name, self.bias = scratch, name, bias
        short, long = (0, 1) if shape[0] <= shape[1] else (1, 0)
        # Grids as (short, long, B, channels), kernels as (short, long, in, out).
        self.order, self.kernel_order = (1 + short, 1 + long, 0, 3), (2 + short, 2 + long, 1, 0)
        taps = weight.shape[2 + short], weight.shape[2 + long]
        self.short = axis_dft(shape[short], taps[0], weight.dtype, real=True)
        self.long = axis_dft(shape[long], taps[1], weight.dtype, real=False)
        self.kernel = self._short_spectrum("kernel", self.short.taps, weight, self.kernel_order)
        self.gradient = None

    def forward(self, grids):  # (B, rows, columns, in) -> (B, rows, columns, out)
        self.see(grids)
        y = self.scratch("result", *self.seen.shape[:3], self.kernel.shape[3])
        for i in range(len(y)):
            x = self._product("x", self.long.points, self.seen[i])  # (long bins, B, in)
            kernel = self._product("bin kernel", self.long.taps, self.kernel[i])
            x = self._bmm("y", x, kernel)  # (long bins, B, out)
            torch.mm(self.long.to_points, x.flatten(1), out=y[i].flatten(1))
        y = self._real(self.short.to_points, y, self.order)
        return y if self.bias is None else y.add_(self.bias)

    def see(self, grids):
        """Remember an input for :meth:`backward`."""
        self.seen = self._short_spectrum("seen", self.short.points, grids, self.order)

    def backward(self, gradient, input_gradient=True):
        dy = self._short_spectrum("dy", self.short.points, gradient, self.order)
        dx = self.scratch("result", *self.seen.shape)
        if self.gradient is None:
            self.gradient = self.scratch(self.name + "gradient", *self.kernel.shape).zero_()
        for i in range(len(dy)):
            x = self._product("x", self.long.points, self.seen[i])  # (long bins, B, in)
            y = self._product("y", self.long.points, dy[i])  # (long bins, B, out)
            product = self._bmm("bin kernel", x.mH, y)  # (long bins, in, out)
            self.gradient[i].flatten(1).addmm_(self.long.to_taps, product.flatten(1))
            if input_gradient:
                kernel = self._product("bin kernel", self.long.taps, self.kernel[i])
                x = self._bmm("x", y, kernel.mH)  # (long bins, B, in)
                torch.mm(self.long.to_points, x.flatten(1), out=dx[i].flatten(1))
        if input_gradient:
            return self._real(self.short.to_points, dx, self.order)

    @property
    def weight_gradient(self):
        return self._real(self.short.to_taps, self.gradient, self.kernel_order)

    def _short_spectrum(self, name, matrix, x, order):
        x = x.permute(order)
        x = self.scratch("complex", *x.shape).copy_(x)
        return self._product(self.name + name, matrix, x)

    def _real(self, matrix, half, order):
        x = self._product("complex", matrix, half).real
        return x.permute([order.index(i) for i in range(4)]).clone()

    def _product(self, name, matrix, x):
        """Apply a matrix to the first axis."""
        out = self.scratch(name, len(matrix), *x.shape[1:])
        torch.mm(matrix, x.flatten(1), out=out.flatten(1))
        return out

    def _bmm(self, name, a, b):
        return torch.bmm(a, b, out=self.scratch(name, len(a), a.shape[1], b.shape[2]))


class Scratch:
    """Memory used again and again: first touch of new pages costs more than most products."""

    def __init__(self, dtype):
        self._dtype, self._pieces = torch.promote_types(dtype, torch.complex32), {}

    def __call__(self, name, *shape):
        """Return an uninitialised tensor, valid until the same name is asked for again."""
        size = math.prod(shape)
        if name not in self._pieces or len(self._pieces[name]) < size:
            self._pieces[name] = torch.empty(size, dtype=self._dtype, device="cpu")
        return self._pieces[name][:size].view(shape)


class AxisDFT:
    """Matrices that transform one side of grids, and of kernels, there and back.

    Matrices, unlike fast transforms, may have any size: the side is padded only so far that a
    kernel does not reach round to the other end.
    """

    def __init__(self, n_points, n_taps, dtype, real):
        reach = n_taps // 2
        size = n_bins = n_points + reach
        if real:  # half of the bins do, without the one at half the sampling rate
            size |= 1
            n_bins = size // 2 + 1
        shares = torch.full((n_bins,), (2 if real else 1) / size, dtype=torch.float64)
        shares[0] = 1 / size  # all others stand for their mirror image as well

        # A tap at +1 meets the point ahead, so it turns a spectrum back.
        points, taps = torch.arange(n_points), reach - torch.arange(n_taps)
        points, taps = (waves(torch.arange(n_bins), which, size) for which in (points, taps))
        dtype = torch.promote_types(dtype, torch.complex32)
        self.points, self.taps = points.to(dtype), taps.to(dtype)  # (bins, points or taps)
        self.to_points = (points.mH * shares).to(dtype)
        self.to_taps = (taps.mH * shares).to(dtype)


@functools.lru_cache(maxsize=64)
def axis_dft(n_points, n_taps, dtype, real):
    """Return the transforms of a side, computed once."""
    with torch.device("cpu"):  # whatever the default
        return AxisDFT(n_points, n_taps, dtype, real)


def waves(bins, points, size):
    """Return ``exp(-2 pi i bin point / size)``, one bin a row, in double precision."""
    turns = torch.outer(bins, points) % size
    angles = turns.double() * (-2 * math.pi / size)
    return torch.polar(torch.ones_like(angles), angles)
