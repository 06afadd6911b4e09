"""How fast the network is, as ratios to the plain composition and to braindecode's networks.

Everything runs in one process on the same windows, in turns, and medians are compared. Run
``make bench``; ``--write docs/research/speed.md`` puts the tables into that page.
"""

import warnings
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measure import (
    can_measure_memory,
    describe_machine,
    in_fresh_process,
    interleave,
    machine_limits,
    peak_bytes,
)
from reference import ReferenceMSiMamba

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials
from skmamba.modules import MSiMamba, MSiMambaEnsemble
from skmamba.modules._fold_groups import direct_cost

SHAPES = [(64, 4, 128), (64, 4, 512), (64, 14, 256), (32, 62, 200), (16, 62, 1000)]
SIZES = {"d_model": 64, "top_k": 3, "n_kernels": 6, "d_hidden": 64, "d_state": 16}
RIVALS = ("EEGNet", "ShallowFBCSPNet", "EEGConformer", "ATCNet")
N_TRIALS = 1280  # a minute each
MARKS = "<!-- tables -->", "<!-- end of tables -->"


def make_windows(batch, n_chans, n_times):
    """Windows of invented EEG: 1/f noise and alpha, periods as mixed as in real EEG."""
    trials = simulate_trials(n_subjects=1, n_trials=batch, n_channels=n_chans, n_times=n_times)
    return torch.from_numpy(trials.X / trials.X.std())


def make_nets(shape):
    """Our network and the plain composition, with the same weights."""
    torch.manual_seed(0)
    ours = MSiMamba(shape[1], 2, shape[2], embedding="inverted", drop_prob=0.0, **SIZES)
    plain = ReferenceMSiMamba(shape[1], 2, shape[2], **SIZES)
    plain.load_state_dict(ours.state_dict())
    return {"ours": ours, "plain": plain}


def train_step(net, x):
    net.zero_grad(set_to_none=True)
    net(x).logsumexp(-1).sum().backward()  # of an ensemble: of each member


def predict(net, x):
    with torch.no_grad():
        net(x)


def relative_difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def largest_differences(ours, x):
    """Relative difference of logits and gradients to the reference, window by window."""
    exact = ReferenceMSiMamba(ours.n_chans, 2, ours.n_times, periods="window", **SIZES)
    exact.load_state_dict(ours.state_dict())
    with torch.no_grad():
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
    x, nets = make_windows(*shape), make_nets(shape)
    forward = interleave({name: partial(predict, net, x) for name, net in nets.items()}, repeats)
    both = interleave({name: partial(train_step, net, x) for name, net in nets.items()}, repeats)
    logits, gradients = largest_differences(nets["ours"], x)
    return {
        "windows": " x ".join(map(str, shape)),
        "forward, ms": f"{1e3 * forward['ours']:.1f}",
        "times as fast": forward["plain"] / forward["ours"],
        "forward + backward, ms": f"{1e3 * both['ours']:.1f}",
        "times as fast ": both["plain"] / both["ours"],
        "logits differ": f"{logits:.0e}",
        "gradients differ": f"{gradients:.0e}",
    }


def memory(shape):
    """One row: peak memory of forward and backward."""
    ours, plain = (in_fresh_process(peak_of_step, name, shape) for name in ("ours", "plain"))
    return {
        "windows": " x ".join(map(str, shape)),
        "ours, MB": f"{1e-6 * ours:.0f}",
        "plain, MB": f"{1e-6 * plain:.0f}",
        "share": ours / plain,
    }


def peak_of_step(name, shape):
    torch.set_num_threads(1)
    return peak_bytes(partial(train_step, make_nets(shape)[name], make_windows(*shape)))


def against_braindecode(repeats, shape=(64, 4, 256)):
    """One row a network, all at their defaults, on the same windows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from braindecode import models

        batch, n_chans, n_times = shape
        nets = {
            "MS-iMamba": MSiMambaEnsemble(n_chans, 2, n_times),
            "MS-iMamba, one member": MSiMamba(n_chans, 2, n_times),
        }
        for name in RIVALS:
            nets[name] = getattr(models, name)(n_chans=n_chans, n_outputs=2, n_times=n_times)
        x = make_windows(*shape)
        training = interleave(
            {k: partial(train_step, net, x) for k, net in nets.items()}, 5 * repeats
        )
        for net in nets.values():
            net.eval()
        alone = {k: partial(predict, net, x[:1]) for k, net in nets.items()}
        alone = interleave(alone, 20 * repeats)
    return [
        {
            "network": name,
            "parameters": sum(p.numel() for p in net.parameters()),
            "training, windows/s": f"{batch / training[name]:.0f}",
            "one window, ms": f"{1e3 * alone[name]:.2f}",
        }
        for name, net in nets.items()
    ]


def roofline(repeats, shape=(64, 4, 512)):
    """Operations and bytes that one training step needs, and how near to them it comes."""
    limits = machine_limits()
    x, net = make_windows(*shape), make_nets(shape)["ours"]
    seconds = interleave({"": partial(train_step, net, x)}, repeats)[""]
    periods = -(-net.n_times // net.mstb.scales(x)[0])  # (B, k)
    kernel = net.mstb.narrow.merged()[0]
    products = sum(
        direct_cost((-(-net.n_times // period), period), kernel.shape)[1]
        for window in periods.tolist()
        for period in set(window)  # a period that comes twice is folded once
    )
    # Two convolutions forward; backward two gradients of the second, one of the first.
    operations = 2 * 5 * products
    n_bytes = 4 * (4 * x.numel() + 3 * 2 * kernel.numel())  # read and written once each
    ideal = operations / (1e9 * limits["convolution, GFLOP/s"])
    return limits | {
        "operations needed, GFLOP": 1e-9 * operations,
        "bytes needed, MB": 1e-6 * n_bytes,
        "time of the operations, ms": 1e3 * ideal,
        "time of the bytes, ms": 1e3 * n_bytes / (1e9 * limits["memory, GB/s"]),
        "time of the whole network, ms": 1e3 * seconds,
        "share reached": ideal / seconds,
    }


def glue(repeats):
    """What the estimator adds to the network: to time in fit, to memory in predict."""
    n_windows, n_epochs = 1280, 3
    trials = simulate_trials(n_subjects=1, n_trials=n_windows, n_channels=4, n_times=256)
    y = np.arange(n_windows) % 2
    classifier = MSiMambaClassifier(max_epochs=n_epochs, n_members=1, random_state=0)

    def bare_loop():
        net = MSiMamba(4, 2, 256).train()
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
        x, labels = torch.from_numpy(trials.X / trials.X.std()), torch.from_numpy(y)
        for _ in range(n_epochs):
            for rows in torch.randperm(n_windows).split(64):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(x[rows]), labels[rows]).backward()
                optimizer.step()

    seconds = interleave({"fit": lambda: classifier.fit(trials.X, y), "bare": bare_loop}, repeats)
    rows = {"fit, times a bare loop": seconds["fit"] / seconds["bare"]}
    if can_measure_memory():
        few, all_trials = (in_fresh_process(peak_of_predict, n) for n in (4, N_TRIALS))
        n_bytes = 4 * N_TRIALS * 4 * 7500
        rows["X to predict, windows overlapping by 50 %, MB"] = 1e-6 * n_bytes
        rows["peak memory for four trials, MB"] = 1e-6 * few
        rows[f"more for all {N_TRIALS} trials, MB"] = 1e-6 * (all_trials - few)
        rows["that as a share of X"] = (all_trials - few) / n_bytes
    return rows


def peak_of_predict(n_trials):
    torch.set_num_threads(1)
    X = make_windows(n_trials, 4, 7500).numpy()
    bags = SlidingWindows(window_size_samples=256, stride_samples=128).fit_transform(X)
    classifier = MSiMambaClassifier(max_epochs=1).fit(bags[:4], [0, 1, 0, 1])
    return peak_bytes(partial(classifier.predict, bags), repeats=1)


def to_markdown(rows):
    """A table of the rows; numbers that are not text already get three digits."""
    table = pd.DataFrame(rows).map(lambda v: v if isinstance(v, str | int) else f"{v:.3g}")
    lines = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def sections(repeats, all_threads):
    """Yield title and table of everything that is measured."""
    for threads in all_threads:
        torch.set_num_threads(threads)
        name = "one thread" if threads == 1 else f"{threads} threads"
        rows = [against_reference(shape, repeats) for shape in SHAPES]
        means = {
            key: float(np.exp(np.mean([np.log(row[key]) for row in rows])))
            for key in ("times as fast", "times as fast ")
        }
        rows.append(dict.fromkeys(rows[0], "") | {"windows": "geometric mean"} | means)
        yield f"Against the plain composition, {name}", rows
        title = f"Against braindecode, all at their defaults, 4 x 256, batches of 64, {name}"
        yield title, against_braindecode(repeats)
    torch.set_num_threads(1)
    if can_measure_memory():
        yield "Peak memory of forward + backward, one thread", [memory(shape) for shape in SHAPES]
    for title, values in (
        ("Roofline of a training step at 64 x 4 x 512, one thread", roofline(repeats)),
        ("What the estimator adds, one thread", glue(repeats)),
    ):
        yield title, [{"": key, "measured": value} for key, value in values.items()]


def main():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    options = parser.parse_args()
    text = f"Measured on {describe_machine()}."
    print(text)
    for title, rows in sections(options.repeats, options.threads):
        section = f"\n\n## {title}\n\n{to_markdown(rows)}"
        print(section, flush=True)
        text += section
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
        page = f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}"
        options.write.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
