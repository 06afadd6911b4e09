"""Mean and variance of filtered series by segment, without keeping the filtered series."""

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

# Adjacent filtered samples in a row of a matrix product. With more of them, fewer samples are
# copied to rows, but the matrix has STEP - 1 zeros for each filter.
STEP = 8
# Filtered samples computed at a time; they stay in a core's L2 cache.
CHUNK_BYTES = 1 << 20


@torch.autocast("cpu", enabled=False)
def segment_moments(series, bank, n_segments):
    """Filter series, and return mean and variance of the result.

    The segments are those of adaptive average pooling: if ``n_segments`` does not divide the
    length, adjacent ones can have a sample in common.

    Parameters
    ----------
    series : Tensor of shape (n_series, n_times)
        Series, with zeros before and after them.
    bank : Tensor of shape (n_filters, filter_size)
        Filters of odd size.
    n_segments : int
        Number of segments, at most ``n_times``.

    Returns
    -------
    by_segment, overall : tuple of Tensor
        Mean and variance of each segment, 2 x (n_series, n_segments, n_filters), and of all
        samples, 2 x (n_series, n_filters).
    """
    n_times, reach = series.shape[1], bank.shape[1] // 2
    # Without its mean, a series with an offset loses no digits of the variance.
    center = series.detach().mean(1, keepdim=True)  # (n_series, 1)
    padded = F.pad(series, (reach, reach + STEP)) - center
    filtered_center = center * bank.sum(1)  # (n_series, n_filters)

    starts = [i * n_times // n_segments for i in range(n_segments)]
    stops = [-(-(i + 1) * n_times // n_segments) for i in range(n_segments)]
    length = n_times // n_segments  # of the shortest segment
    sums = _SumFiltered.apply(padded, bank, starts, length)
    total = sums.sum(2)  # (2, n_series, n_filters)
    # Samples of each segment after the first `length`; also of the next one, if it starts there.
    rest = [(i, t) for i in range(n_segments) for t in range(starts[i] + length, stops[i])]
    if rest:
        others = _SumFiltered.apply(padded, bank, [t for _, t in rest], 1)
        place = sums.new_tensor([[i == j for j, _ in rest] for i in range(n_segments)])
        sums = sums + place @ others  # (2, n_series, n_segments, n_filters)
        once = sums.new_tensor([t not in starts for _, t in rest])[:, None]  # (n_rest, 1)
        total = total + (once * others).sum(2)
    n_samples = sums.new_tensor(stops) - sums.new_tensor(starts)
    mean, square = sums / n_samples[:, None]
    by_segment = mean + filtered_center[:, None], square - mean.square()
    mean, square = total / n_times
    return by_segment, (mean + filtered_center, square - mean.square())


class _SumFiltered(torch.autograd.Function):
    """Sums of ``length`` filtered samples from each start, and of their squares.

    Series (n, n_times) are filtered without padding; the result is (2, n, n_starts, n_filters).
    The backward pass computes the filtered samples again.
    """

    @staticmethod
    def forward(ctx, series, bank, starts, length):
        ctx.save_for_backward(series, bank)
        ctx.starts, ctx.length = starts, length
        pieces, matrix, step = _prepare(series, bank, starts, length)
        sums = series.new_empty(2, len(pieces), len(bank))
        for chunk in _split(pieces, bank):
            _, y = _filter(pieces[chunk], matrix, step)
            y = y[:, :length]
            torch.sum(y, 1, out=sums[0, chunk])
            torch.sum(y.square_(), 1, out=sums[1, chunk])
        return sums.unflatten(1, (len(series), -1))

    @staticmethod
    @once_differentiable
    def backward(ctx, d_sums):
        series, bank = ctx.saved_tensors
        d_sums = d_sums.flatten(1, 2)[:, :, None]  # 2 x (n * n_starts, 1, n_filters)
        with torch.autocast("cpu", enabled=False):
            pieces, matrix, step = _prepare(series, bank, ctx.starts, ctx.length)
            d_pieces, d_matrix = torch.zeros_like(pieces), torch.zeros_like(matrix)
            for chunk in _split(pieces, bank):
                rows, y = _filter(pieces[chunk], matrix, step)
                d_sum, d_square = d_sums[:, chunk]
                d_y = y.mul_(2 * d_square).add_(d_sum)
                d_y[:, ctx.length :] = 0
                d_y = d_y.view(len(rows), -1)  # (n * n_steps, step * n_filters)
                d_matrix.addmm_(d_y.t(), rows)
                _add_rows(d_pieces[chunk], d_y @ matrix, step)
        d_series, width = torch.zeros_like(series), pieces.shape[1]
        d_pieces = d_pieces.unflatten(0, (len(series), -1))
        for i, start in enumerate(ctx.starts):
            d_series[:, start : start + width] += d_pieces[:, i]
        blocks = d_matrix.unflatten(0, (step, -1))  # (step, n_filters, filter_size + step - 1)
        d_bank = sum(block[:, i : i + bank.shape[1]] for i, block in enumerate(blocks))
        return d_series, d_bank, None, None


def _prepare(series, bank, starts, length):
    """Return pieces of series, the filters as a matrix, and its number of adjacent samples."""
    step = min(STEP, length)
    width = -(-length // step) * step + bank.shape[1] - 1
    pieces = torch.stack([series[:, start : start + width] for start in starts], 1)
    matrix = torch.cat([F.pad(bank, (i, step - 1 - i)) for i in range(step)])
    return pieces.flatten(0, 1), matrix, step


def _split(pieces, bank):
    """Yield slices of pieces whose filtered samples fit into CHUNK_BYTES."""
    n_samples = len(bank) * (pieces.shape[1] - bank.shape[1] + 1)
    size = max(1, CHUNK_BYTES // (n_samples * pieces.element_size()))
    for start in range(0, len(pieces), size):
        yield slice(start, min(start + size, len(pieces)))


def _filter(pieces, matrix, step):
    """Return rows of pieces, and the filtered pieces ``(n, n_samples, n_filters)``."""
    rows = pieces.unfold(1, matrix.shape[1], step)  # (n, n_steps, filter_size + step - 1)
    rows = rows.reshape(-1, matrix.shape[1])  # (n * n_steps, filter_size + step - 1)
    y = rows @ matrix.t()  # (n * n_steps, step * n_filters)
    return rows, y.view(len(pieces), -1, len(matrix) // step)


def _add_rows(pieces, rows, step):
    """Add rows of ``_filter`` to the pieces that they are from."""
    rows = rows.unflatten(0, (len(pieces), -1))  # (n, n_steps, filter_size + step - 1)
    for start in range(0, rows.shape[2], step):  # parts that do not overlap
        part = rows[:, :, start : start + step]
        target = pieces[:, start:].unfold(1, part.shape[2], step)
        target[:, : part.shape[1]].add_(part)
