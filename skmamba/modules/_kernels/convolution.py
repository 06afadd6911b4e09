"""Same-size 2-D convolution on the CPU and its gradients, arranged to fill the vector lanes.

Grids are (n, rows, columns, channels), the memory format that oneDNN prefers. torch's convolutions
take shapes with the channels first: ``permute`` does not copy.
"""

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_weight

# Output channels that fill a vector register (AVX-512, float32). oneDNN computes with full
# registers whatever the number of channels: with 4 channels, 12 of 16 lanes do no useful work.
LANES = 16
# Below this number of points in a batch of grids, stacking costs more than it saves.
MIN_STACKED_POINTS = 2048


def convolve(grids, kernel, bias=None):
    """Convolve grids with a kernel (out, in, ...) of odd sides."""
    x, stack = grids.permute(0, 3, 1, 2), LANES // len(kernel)
    # With one input channel, oneDNN reads memory outside the stacked grids.
    if stack > 1 and kernel.shape[1] > 1 and x[:, 0].numel() >= MIN_STACKED_POINTS:
        y = _convolve_stacked(x, kernel, bias, stack)
    else:
        y = F.conv2d(x, kernel, bias, padding=_padding(kernel))
    return y.permute(0, 2, 3, 1)


def input_gradient(dy, kernel):
    """Return the gradient of :func:`convolve` to its grids, by the adjoint kernel."""
    return convolve(dy, _adjoint(kernel))


def kernel_gradient(grids, dy, kernel_shape):
    """Return the gradient of :func:`convolve` to its kernel."""
    x, dy = grids.permute(0, 3, 1, 2), dy.permute(0, 3, 1, 2)
    out_channels, in_channels, *sides = kernel_shape
    padding = [side // 2 for side in sides]
    if out_channels >= in_channels:
        return conv2d_weight(x, kernel_shape, dy, padding=padding)
    # oneDNN vectorises over the channels of dy. The kernel gradient of the adjoint convolution
    # has the same entries, with x in the place of dy, so the side with more channels is used.
    return _adjoint(conv2d_weight(dy, (in_channels, out_channels, *sides), x, padding=padding))


def taps_inside(kernel, grid_shape):
    """Return the index of the kernel taps that reach a grid from one of its points.

    A tap further from the middle than the grid is long meets only the zero padding.
    """
    slices = []
    for side, length in zip(kernel.shape[2:], grid_shape, strict=True):
        middle, reach = side // 2, min(side // 2, length - 1)
        slices.append(slice(middle - reach, middle + reach + 1))
    return ..., *slices


def _convolve_stacked(x, kernel, bias, stack):
    """Compute ``stack`` adjacent output points at once, as additional output channels.

    The enlarged kernel contains ``stack`` copies of the kernel, copy ``i`` shifted by ``i``
    points, and is applied with a stride of ``stack`` points. With four output channels and
    ``stack=4``, sixteen lanes are in use. The cost is the ``stack - 1`` zero taps per row.
    """
    # oneDNN is faster with many columns: stack rows if there are enough of them.
    axis = 2 if x.shape[2] >= stack else 3
    length, missing = x.shape[axis], -x.shape[axis] % stack
    shifted = torch.stack([_pad(kernel, axis, i, stack - 1 - i) for i in range(stack)], 1)
    y = F.conv2d(
        _pad(x, axis, 0, missing) if missing else x,
        shifted.flatten(0, 1),  # (out * stack, in, ...)
        None if bias is None else bias.repeat_interleave(stack),
        stride=(stack, 1) if axis == 2 else (1, stack),
        padding=_padding(kernel),
    )  # (n, out * stack, rows / stack, columns), or columns / stack
    y = y.unflatten(1, (len(kernel), stack)).movedim(2, axis + 1)
    return y.flatten(axis, axis + 1).narrow(axis, 0, length)  # (n, out, rows, columns)


def _adjoint(kernel):
    return kernel.transpose(0, 1).flip(2, 3)


def _padding(kernel):
    return [side // 2 for side in kernel.shape[2:]]


def _pad(x, axis, before, after):
    return F.pad(x, (0, 0, before, after) if axis == 2 else (before, after))
