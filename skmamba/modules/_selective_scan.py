"""The selective scan of Mamba in plain PyTorch: exact, on any device.

Letters are those of Gu and Dao [1]_: ``u`` input, ``delta`` step size, ``A`` decay, ``B`` and
``C`` input and output map, ``D`` skip, ``h`` state. Axes: b batch, l length, d channels, n state.

References
----------
.. [1] Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
   arXiv 2312.00752, Algorithm 2.
.. [2] Hillis and Steele, "Data Parallel Algorithms", Communications of the ACM 29(12), 1986.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run a state-space model whose step, input and output maps follow the input.

    ``h_t = exp(delta_t A) h_{t-1} + delta_t B_t u_t`` and ``y_t = C_t h_t + D u_t``, from
    ``h_0 = 0``. No state is kept for the backward pass: it is computed again there, so memory
    grows with the inputs and not with ``n_state`` times them.

    Parameters
    ----------
    u : Tensor of shape (batch, length, channels)
        Input series.
    delta : Tensor of shape (batch, length, channels)
        Step sizes, positive.
    A : Tensor of shape (channels, n_state)
        Decay rates, negative.
    B, C : Tensor of shape (batch, length, n_state)
        Input and output maps of each step.
    D : Tensor of shape (channels,), default=None
        Weight of the input in the output.

    Returns
    -------
    y : Tensor of shape (batch, length, channels)
        Output series, in the dtype of ``u``.

    Notes
    -----
    Gradients are exact. There is no second derivative: ``create_graph=True`` is a RuntimeError.

    While a graph is exported to ONNX the steps are taken by doubling (Hillis and Steele, 1986), so
    that the graph grows with the logarithm of the length; elsewhere one after the other, which is
    less work.

    Examples
    --------
    A step of 1, no decay to speak of and unit maps: the scan is a running sum.

    >>> import torch
    >>> one = torch.ones(1, 4, 1)
    >>> selective_scan(one, one, torch.tensor([[-1e-9]]), one, one).flatten().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    dtype = torch.promote_types(torch.promote_types(u.dtype, delta.dtype), A.dtype)
    # Autocast would run the small products below in half precision and lose the state.
    with torch.autocast(u.device.type, enabled=False):
        scan = scan_by_doubling if torch.onnx.is_in_onnx_export() else _SelectiveScan.apply
        y = scan(*(t.to(dtype) for t in (u, delta, A, B, C)))
        if D is not None:
            y = torch.addcmul(y, u.to(dtype), D.to(dtype))
    return y.to(u.dtype)


def scan_by_doubling(u, delta, A, B, C):
    """Run the scan without D in as many rounds as the length has binary digits, all plain products.

    After each round a step knows twice as many steps before it.
    """
    decay = (delta[..., None] * A).exp()  # (b, l, d, n)
    h = (delta * u)[..., None] * B[:, :, None]  # (b, l, d, n)
    reach = 1
    while reach < u.shape[1]:
        earlier_h, earlier_decay = (
            F.pad(t[:, :-reach], (0, 0, 0, 0, reach, 0)) for t in (h, decay)
        )
        h, decay = h + decay * earlier_h, decay * earlier_decay
        reach *= 2
    return (h * C[:, :, None]).sum(-1)


class _SelectiveScan(torch.autograd.Function):
    """Scan with a hand-written backward; every state tensor is ``(b, n, d)``, d innermost."""

    @staticmethod
    def forward(ctx, u, delta, A, B, C):
        ctx.save_for_backward(u, delta, A, B, C)
        A_t = A.t().contiguous()  # (n, d)
        drive = delta * u
        y = torch.empty_like(drive)
        h = drive[:, 0, None] * B[:, 0, :, None]  # (b, n, d)
        decay = torch.empty_like(h)
        y[:, 0] = _readout(C[:, 0], h)
        for t in range(1, u.shape[1]):
            torch.mul(delta[:, t, None], A_t, out=decay).exp_()
            h.mul_(decay).addcmul_(drive[:, t, None], B[:, t, :, None])
            y[:, t] = _readout(C[:, t], h)
        return y

    @staticmethod
    def backward(ctx, dy):
        if torch.is_grad_enabled():  # a graph of this backward is wanted, and would lack terms
            raise RuntimeError(
                "selective_scan has no second derivative: take gradients without create_graph=True."
            )
        u, delta, A, B, C = ctx.saved_tensors
        with torch.autocast(u.device.type, enabled=False):
            return _scan_gradients(u, delta, A, B, C, dy)


def _readout(maps, h):
    """Sum a state (b, n, d) over n with the step's map (b, n)."""
    return torch.bmm(maps[:, None], h)[:, 0]


def _scan_gradients(u, delta, A, B, C, dy):
    """Gradients of the scan to its five inputs, from the last step to the first."""
    length = u.shape[1]
    A_t = A.t().contiguous()
    drive = delta * u
    decay = (delta.transpose(0, 1)[:, :, None] * A_t).exp_()  # (l, b, n, d)
    h = torch.empty_like(decay)
    torch.mul(drive[:, 0, None], B[:, 0, :, None], out=h[0])
    for t in range(1, length):
        torch.mul(decay[t], h[t - 1], out=h[t]).addcmul_(drive[:, t, None], B[:, t, :, None])

    dC = torch.matmul(h.transpose(0, 1), dy[..., None])[..., 0]  # (b, l, n)
    dB = torch.empty_like(B)
    d_drive = torch.empty_like(drive)
    d_delta = torch.zeros_like(delta)
    dA_t = torch.zeros_like(A_t)
    dh = torch.zeros_like(h[0])
    for t in reversed(range(length)):
        dh.addcmul_(dy[:, t, None], C[:, t, :, None])
        dB[:, t] = torch.bmm(dh, drive[:, t, :, None])[..., 0]
        d_drive[:, t] = _readout(B[:, t], dh)
        if t:
            dh.mul_(decay[t])
            d_exponent = dh * h[t - 1]  # to delta_t A
            d_delta[:, t] = (d_exponent * A_t).sum(1)
            dA_t += d_exponent.mul_(delta[:, t, None]).sum(0)
    return d_drive * delta, d_delta.addcmul_(d_drive, u), dA_t.t(), dB, dC
