"""How fast the network is, as ratios to the plain composition and to braindecode's networks.

Everything runs in one process on the same windows, interleaved, and medians are compared, so that a
busy machine slows all alike. Run: ``make bench``.
"""

import warnings
from argparse import ArgumentParser
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from reference import ReferenceMSiMamba

from skmamba import simulate_trials
from skmamba.modules import MSiMamba

SHAPES = [(64, 4, 128), (64, 4, 512), (64, 14, 256), (32, 62, 200), (16, 62, 1000)]
SIZES = {"d_model": 64, "top_k": 3, "n_kernels": 6, "d_hidden": 64}
RIVALS = ("EEGNet", "ShallowFBCSPNet", "EEGConformer", "ATCNet")


def make_windows(batch, n_chans, n_times):
    """Windows of invented EEG: 1/f noise and alpha, periods as mixed as in real EEG."""
    trials = simulate_trials(n_subjects=1, n_trials=batch, n_channels=n_chans, n_times=n_times)
    return torch.from_numpy(trials.X / trials.X.std())


def interleave(runs, repeats):
    """Median seconds of each run, taking turns after one warm-up."""
    seconds = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = perf_counter()
            run()
            if turn:
                seconds[name].append(perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


def train_step(net, x):
    net.zero_grad(set_to_none=True)
    net(x).logsumexp(1).sum().backward()


def predict(net, x):
    with torch.no_grad():
        net(x)


def relative_difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def largest_differences(ours, x):
    """Relative difference of logits and gradients to the reference, window by window."""
    exact = ReferenceMSiMamba(ours.n_chans, 2, ours.n_times, periods="window", **SIZES)
    exact.load_state_dict(ours.state_dict())
    logits = relative_difference(ours(x), exact(x))
    train_step(ours, x)
    train_step(exact, x)
    gradients = [
        relative_difference(our.grad, their.grad)
        for our, their in zip(ours.parameters(), exact.parameters(), strict=True)
    ]
    return logits, max(gradients)


def against_reference(shape, repeats):
    """One row: our network and the plain composition at one shape."""
    batch, n_chans, n_times = shape
    x = make_windows(*shape)
    torch.manual_seed(0)
    ours = MSiMamba(n_chans, 2, n_times, drop_prob=0.0, **SIZES)
    plain = ReferenceMSiMamba(n_chans, 2, n_times, **SIZES)
    plain.load_state_dict(ours.state_dict())
    forward = interleave(
        {"ours": partial(predict, ours, x), "plain": partial(predict, plain, x)}, repeats
    )
    both = interleave(
        {"ours": partial(train_step, ours, x), "plain": partial(train_step, plain, x)}, repeats
    )
    logits, gradients = largest_differences(ours, x)
    return {
        "windows": f"{batch} x {n_chans} x {n_times}",
        "forward ms": 1e3 * forward["ours"],
        "ratio": forward["plain"] / forward["ours"],
        "forward + backward ms": 1e3 * both["ours"],
        "ratio ": both["plain"] / both["ours"],
        "logits differ": f"{logits:.0e}",
        "gradients differ": f"{gradients:.0e}",
    }


def against_braindecode(repeats, shape=(64, 4, 256)):
    """One row a network, all at their defaults, on the same windows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from braindecode import models

        batch, n_chans, n_times = shape
        nets = {"MS-iMamba": MSiMamba(n_chans, 2, n_times)}
        for name in RIVALS:
            nets[name] = getattr(models, name)(n_chans=n_chans, n_outputs=2, n_times=n_times)
    x = make_windows(*shape)
    training = interleave(
        {k: lambda net=net: train_step(net, x) for k, net in nets.items()}, repeats
    )
    for net in nets.values():
        net.eval()
    alone = interleave(
        {k: lambda net=net: predict(net, x[:1]) for k, net in nets.items()}, 10 * repeats
    )
    return [
        {
            "network": name,
            "parameters": sum(p.numel() for p in net.parameters()),
            "training windows/s": round(batch / training[name]),
            "one window ms": 1e3 * alone[name],
        }
        for name, net in nets.items()
    ]


def main():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    pd.options.display.precision = 2
    for threads in options.threads:
        torch.set_num_threads(threads)
        rows = pd.DataFrame([against_reference(shape, options.repeats) for shape in SHAPES])
        print(f"\n{threads} thread(s), against the plain composition ({SIZES})\n")
        print(rows.to_string(index=False))
        print(f"geometric mean of ratios: {np.exp(np.log(rows['ratio ']).mean()):.1f}")
        rivals = pd.DataFrame(against_braindecode(options.repeats))
        print(f"\n{threads} thread(s), against braindecode at its defaults, 64 x 4 x 256\n")
        print(rivals.to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
