"""The multi-scale temporal block (MSTB) and its inception convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import nn

from ._kernels import can_use_kernels, sum_of_views


class MultiScaleTemporalBlock(nn.Module):
    """Convolve each window in two dimensions, along and across its strongest periods.

    For each of the ``top_k`` strongest frequencies ``f`` (in cycles per window), the window is
    reshaped to rows of one period, ``ceil(n_times / f)``. An inception block of square kernels maps
    ``n_chans`` to ``d_hidden`` maps and, after an activation, back. The results are reshaped to
    series, summed with weights from the softmax of their amplitudes, and added to the window: the
    MSTB of [1]_, after equations 1 to 6 of [2]_.

    Parameters
    ----------
    n_chans, n_times : int
        Number of channels and of samples of a window.
    top_k : int, default=2
        Number of frequencies; at most ``n_times // 2`` are used.
    n_kernels : int, default=3
        Number of kernels of the inception block, see :class:`InceptionConv2d`.
    d_hidden : int, default=16
        Number of maps between the two convolutions.
    period_selection : {"window", "fixed"}, default="window"
        Use the frequencies of each window, or those set by :meth:`set_frequencies` for all
        windows.
    activation : type of Module, default=torch.nn.GELU
        Class of the activation between the two convolutions.

    Attributes
    ----------
    frequencies : Tensor of shape (top_k,)
        Frequencies in cycles per window; only with ``period_selection="fixed"``.

    Notes
    -----
    Departures from [2]_:

    - Amplitudes are averaged over channels, but never over the batch: predictions are independent
      of batch composition.
    - Amplitudes are divided by the mean of the chosen ones before the softmax, which would
      otherwise saturate, see the user guide.

    On the CPU and with the default activation, ``forward`` uses an equivalent kernel that is faster
    and has no second derivative.

    References
    ----------
    .. [1] Zhou, Huang, Peng and Yin, "MS-iMamba", arXiv 2409.07589.
    .. [2] Wu et al., "TimesNet: Temporal 2D-Variation Modeling for General Time Series Analysis",
       arXiv 2210.02186.

    Examples
    --------
    >>> import torch
    >>> block = MultiScaleTemporalBlock(n_chans=4, n_times=128, d_hidden=8)
    >>> block(torch.randn(2, 4, 128)).shape
    torch.Size([2, 4, 128])
    """

    if TYPE_CHECKING:  # TorchScript does not read these annotations
        frequencies: torch.Tensor

    def __init__(
        self,
        n_chans: int,
        n_times: int,
        *,
        top_k: int = 2,
        n_kernels: int = 3,
        d_hidden: int = 16,
        period_selection: Literal["window", "fixed"] = "window",
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        if period_selection not in ("window", "fixed"):
            raise ValueError(
                f"period_selection must be one of 'window', 'fixed', got {period_selection!r}."
            )
        self.n_chans, self.n_times, self.period_selection = n_chans, n_times, period_selection
        self.top_k = min(top_k, n_times // 2)
        self.widen = InceptionConv2d(n_chans, d_hidden, n_kernels)
        self.narrow = InceptionConv2d(d_hidden, n_chans, n_kernels)
        self.activation = activation()
        self.has_kernels = activation is nn.GELU and self.top_k > 0
        is_fixed = period_selection == "fixed"
        frequencies = torch.zeros(self.top_k if is_fixed else 0, dtype=torch.long)
        self.register_buffer("frequencies", frequencies, persistent=is_fixed)
        self._has_frequencies = False
        self.gap = n_kernels - 1  # zeros after each row of a line, see _view
        lengths = [-(-n_times // p) * (p + self.gap) for p in range(2, n_times + 1)]
        self.length = max(lengths, default=0)  # of a line

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to each window the weighted sum of its multi-scale views.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows.

        Returns
        -------
        y : Tensor of shape (batch, n_chans, n_times)
            Windows with the views added.

        Raises
        ------
        ValueError
            If x has another shape.
        """
        if not torch.jit.is_scripting():
            if x.shape[1:] != (self.n_chans, self.n_times):
                raise ValueError(
                    f"x must have shape (batch, {self.n_chans}, {self.n_times}), got "
                    f"{tuple(x.shape)}."
                )
            if self.has_kernels and can_use_kernels(x):
                frequencies, weights = self.scales(x)  # 2 x (B, k)
                periods = -(-self.n_times // frequencies)  # rounded up
                kernels = self.widen.merged(), self.narrow.merged()
                views = sum_of_views(x.transpose(1, 2), periods, weights, *kernels)  # (B, T, C)
                return x + views.transpose(1, 2)
        return self.forward_simple(x)

    def forward_simple(self, x: torch.Tensor) -> torch.Tensor:
        """Compute ``forward`` in plain operations of static shapes, on any device.

        Parameters
        ----------
        x
            As in :meth:`forward`.

        Returns
        -------
        y : Tensor of shape (batch, n_chans, n_times)
            Windows with the views added.
        """
        if self.top_k == 0:  # a single sample has no period
            return x
        y = x
        frequencies, weights = self.scales(x)  # 2 x (B, k)
        periods = (self.n_times - 1 + frequencies) // frequencies  # (B, k), rounded up
        for i in range(self.top_k):
            view = self._view(x, periods[:, i, None, None])  # (B, C, T)
            y = y + weights[:, i, None, None] * view
        return y

    def _view(self, x, period):  # (B, C, T), (B, 1, 1) -> (B, C, T)
        """Reshape windows to rows of one period, convolve twice, and reshape back.

        The rows of a window are concatenated to a line, with ``gap`` zeros after each row.
        """
        n_times, length = self.n_times, self.length  # T, L
        time, point = torch.arange(n_times, device=x.device), torch.arange(length, device=x.device)
        step = period + self.gap  # from a row to the next
        place = (time // period * step + time % period).expand_as(x)  # (B, C, T)
        inside = (point % step < period) & (point // step * period < n_times)  # (B, 1, L)

        line = x.new_zeros(x.shape[0], x.shape[1], length).scatter(2, place, x)  # (B, C, L)
        kernel, bias = self.widen.merged()
        hidden = self.activation(_convolve_line(line, step, kernel, bias))
        hidden = hidden * inside  # (B, hidden, L)
        kernel, bias = self.narrow.merged()
        return _convolve_line(hidden, step, kernel, bias).gather(2, place)  # (B, C, T)

    def scales(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the frequencies of each window and the weights of its views.

        Parameters
        ----------
        x : Tensor of shape (batch, n_chans, n_times)
            Windows.

        Returns
        -------
        frequencies : Tensor of shape (batch, top_k)
            Cycles per window, strongest first, or in the fixed order.
        weights : Tensor of shape (batch, top_k)
            Weight of each view; rows sum to one.
        """
        amplitudes = window_amplitudes(x)  # (B, n_times // 2)
        if self.period_selection == "window":
            frequencies = amplitudes.topk(self.top_k).indices + 1  # (B, k)
        else:
            if not torch.jit.is_scripting():
                self._check_frequencies()
            frequencies = self.frequencies.expand(x.shape[0], -1)  # (B, k)
        chosen = amplitudes.gather(1, frequencies - 1)  # (B, k)
        # A constant window has equal weights, not 0 / 0.
        relative = chosen / chosen.mean(1, keepdim=True).clamp_min(1e-37)
        return frequencies, relative.softmax(1)

    def _check_frequencies(self):
        """Raise RuntimeError without frequencies; checked once, since this waits for a GPU."""
        if self._has_frequencies or torch.compiler.is_compiling():
            return
        self._has_frequencies = bool(self.frequencies.any())
        if not self._has_frequencies:
            raise RuntimeError(
                "period_selection='fixed' has no frequencies yet: call "
                "set_frequencies(window_amplitudes(windows).mean(0)) first."
            )

    @torch.no_grad()
    def set_frequencies(self, amplitudes: torch.Tensor) -> None:
        """Set the fixed frequencies to the strongest ones.

        Parameters
        ----------
        amplitudes : Tensor of shape (n_times // 2,)
            Mean of :func:`window_amplitudes` over the training windows.
        """
        self.frequencies.copy_(amplitudes.topk(self.top_k).indices + 1)


def _convolve_line(line, step, kernel, bias):
    """Convolve rows, ``step`` points apart on a line, with a square kernel and zero padding.

    Along a row, the zeros between rows are the padding. Across rows, copies of the line, shifted
    by whole rows, are stacked, one for each row of the kernel.
    """
    length, side = line.shape[2], kernel.shape[2]
    rows = torch.arange(-(side // 2), side // 2 + 1, device=line.device)[:, None]  # (side, 1)
    source = torch.arange(length, device=line.device) + rows * step  # (B, side, L)
    source = source.clamp(-1, length).flatten(1)[:, None] + 1  # (B, 1, side * L)
    line = F.pad(line, [1, 1])  # the zeros at both ends represent all rows outside
    stacked = line.gather(2, source.expand(-1, line.shape[1], -1)).unflatten(2, [side, length])
    return F.conv2d(stacked, kernel, bias, padding=[0, side // 2]).squeeze(2)  # (B, out, L)


class InceptionConv2d(nn.Module):
    """Average ``n_kernels`` same-size convolutions with square kernels of side 1, 3, 5, ...

    Equation 5 of TimesNet, with its parameters, computed as one convolution with the mean of the
    centred kernels.

    Parameters
    ----------
    in_channels, out_channels : int
        Number of maps in and out.
    n_kernels : int, default=3
        Number of kernels; the largest has side ``2 * n_kernels - 1``.

    Examples
    --------
    >>> import torch
    >>> InceptionConv2d(4, 8, n_kernels=3)(torch.zeros(2, 4, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """

    if TYPE_CHECKING:
        kernels: Any  # a ModuleList of Conv2d

    def __init__(self, in_channels: int, out_channels: int, n_kernels: int = 3) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 2 * reach + 1, padding=reach)
            for reach in range(n_kernels)
        )
        for kernel in self.kernels:
            nn.init.kaiming_normal_(kernel.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(kernel.bias)

    def merged(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean kernel and bias.

        Returns
        -------
        weight : Tensor of shape (out_channels, in_channels, side, side)
            Mean of the centred kernels.
        bias : Tensor of shape (out_channels,)
            Mean of the biases.
        """
        n_kernels, weights, biases = len(self.kernels), [], []
        for reach, kernel in enumerate(self.kernels):
            weights.append(F.pad(kernel.weight, [n_kernels - 1 - reach] * 4))
            bias = kernel.bias
            assert bias is not None  # TorchScript types it as optional
            biases.append(bias)
        return torch.stack(weights).mean(0), torch.stack(biases).mean(0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve maps, keeping their size.

        Parameters
        ----------
        x : Tensor of shape (batch, in_channels, rows, columns)
            Maps.

        Returns
        -------
        y : Tensor of shape (batch, out_channels, rows, columns)
            Convolved maps.
        """
        weight, bias = self.merged()
        return F.conv2d(x, weight, bias, padding="same")


def window_amplitudes(x: torch.Tensor) -> torch.Tensor:
    """Compute the amplitude of each frequency but 0 Hz, averaged over channels.

    Parameters
    ----------
    x : Tensor of shape (batch, n_chans, n_times)
        Windows.

    Returns
    -------
    amplitudes : Tensor of shape (batch, n_times // 2)
        Column ``i`` belongs to ``i + 1`` cycles per window.
    """
    return torch.fft.rfft(x, dim=-1).abs().mean(1)[:, 1:]
