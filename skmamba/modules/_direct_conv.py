"""Same-size convolution of grids by the library, arranged so that its vector lanes are full."""

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_weight

# Channels that fill a vector register: with fewer, the rest of it works for nothing.
LANES = 16
# Below this many points, arranging costs more than it saves.
MIN_STACKED_POINTS = 2048


class DirectConv:
    """A convolution, and its gradients to what it saw last; those to the kernel add up.

    Parameters
    ----------
    weight : Tensor of shape (out_channels, in_channels, kernel_rows, kernel_columns)
        Kernel with odd sides.
    bias : Tensor of shape (out_channels,), default=None
        Added to the result.
    """

    def __init__(self, weight, bias=None):
        self.weight, self.bias = weight, bias
        self.weight_gradient = torch.zeros_like(weight)

    def forward(self, grids):  # (B, rows, columns, in) -> (B, rows, columns, out)
        self.see(grids)
        return convolve(grids.permute(0, 3, 1, 2), self.weight, self.bias).permute(0, 2, 3, 1)

    def see(self, grids):
        """Remember an input for :meth:`backward`."""
        self.seen = grids

    def backward(self, gradient, input_gradient=True):
        x, dy = self.seen.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
        self.weight_gradient += self._kernel_gradient(x, dy)
        if input_gradient:
            return convolve(dy, _adjoint(self.weight)).permute(0, 2, 3, 1)

    def _kernel_gradient(self, x, dy):
        shape, padding = self.weight.shape, _reach(self.weight)
        if len(self.weight) >= shape[1]:
            return conv2d_weight(x, shape, dy, padding=padding)
        # Lanes are filled by the channels of dy: the wider x takes its place.
        shape = (shape[1], shape[0], *shape[2:])
        return _adjoint(conv2d_weight(dy, shape, x, padding=padding))


def convolve(x, weight, bias=None):
    """Convolve ``(batch, in, rows, columns)`` with a kernel of odd sides, keeping the size."""
    stack = LANES // len(weight)
    if stack > 1 and x.device.type == "cpu" and x[:, 0].numel() >= MIN_STACKED_POINTS:
        return _convolve_stacked(x, weight, bias, stack)
    return F.conv2d(x, _channels_last(weight), bias, padding=_reach(weight))


def taps_inside(kernel_shape, shape):
    """Index of the taps that can meet a grid: those further out only see the zeros around it."""
    middles = [side // 2 for side in kernel_shape[2:]]
    reaches = [min(middle, n - 1) for middle, n in zip(middles, shape, strict=True)]
    taps = zip(middles, reaches, strict=True)
    return ..., *(slice(middle - reach, middle + reach + 1) for middle, reach in taps)


def _convolve_stacked(x, weight, bias, stack):
    """Compute ``stack`` neighbouring outputs at a time, as channels of their own.

    The larger kernel holds the kernel once for each, moved by one point, and takes steps of
    ``stack`` points: four channels fill sixteen lanes.
    """
    # Along rows where there are enough: the library wants many columns.
    axis = 2 if x.shape[2] >= stack else 3
    n_points, missing = x.shape[axis], -x.shape[axis] % stack
    moved = [_pad(weight, axis, i, stack - 1 - i) for i in range(stack)]
    y = F.conv2d(
        _pad(x, axis, 0, missing) if missing else x,
        _channels_last(torch.stack(moved, 1).flatten(0, 1)),  # (out * stack, in, ...)
        None if bias is None else bias.repeat_interleave(stack),
        stride=(stack, 1) if axis == 2 else (1, stack),
        padding=_reach(weight),
    )
    y = y.unflatten(1, (len(weight), stack)).movedim(2, axis + 1)
    return y.flatten(axis, axis + 1).narrow(axis, 0, n_points)


def _adjoint(weight):
    """Kernel that takes gradients from outputs back to inputs."""
    return weight.transpose(0, 1).flip(2, 3)


def _reach(weight):
    return [side // 2 for side in weight.shape[2:]]


def _pad(x, axis, before, after):
    return F.pad(x, (0, 0, before, after) if axis == 2 else (before, after))


def _channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)
