"""Selective scan with a hand-written backward pass, which stores no states."""

import torch


def fused_scan(u, delta, A, B, C):
    """Compute :func:`skmamba.modules.mamba.scan` step by step, in place."""
    return _FusedScan.apply(u, delta, A, B, C)


class _FusedScan(torch.autograd.Function):
    """Scan whose states are (b, n, d), with d innermost: the widest axis fills the vector lanes."""

    @staticmethod
    def forward(ctx, u, delta, A, B, C):
        ctx.save_for_backward(u, delta, A, B, C)
        A_t = A.t().contiguous()  # (n, d)
        drive = delta * u  # (b, l, d)
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
        if torch.is_grad_enabled():  # create_graph=True: this backward has no gradient itself
            raise RuntimeError(
                "selective_scan has no second derivative: take gradients without create_graph=True."
            )
        return _gradients(*ctx.saved_tensors, dy)


def _readout(maps, h):
    """Sum a state (b, n, d) over n with the output map (b, n) of a step."""
    return torch.bmm(maps[:, None], h)[:, 0]


@torch.autocast("cpu", enabled=False)
def _gradients(u, delta, A, B, C, dy):
    """Gradients to the five inputs, accumulated from the last step to the first."""
    length = u.shape[1]
    A_t = A.t().contiguous()  # (n, d)
    drive = delta * u  # (b, l, d)
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
    dh = torch.zeros_like(h[0])  # gradient to the state, (b, n, d)
    for t in reversed(range(length)):
        dh.addcmul_(dy[:, t, None], C[:, t, :, None])
        dB[:, t] = torch.bmm(dh, drive[:, t, :, None])[..., 0]
        d_drive[:, t] = _readout(B[:, t], dh)
        if t:
            dh.mul_(decay[t])
            d_exponent = dh * h[t - 1]  # gradient to delta_t A
            d_delta[:, t] = (d_exponent * A_t).sum(1)
            dA_t += d_exponent.mul_(delta[:, t, None]).sum(0)
    return d_drive * delta, d_delta.addcmul_(d_drive, u), dA_t.t(), dB, dC
