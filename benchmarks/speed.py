"""Speed and memory of the network, relative to the plain composition, braindecode and onnxruntime.

All networks run alternately in one process on the same windows; medians are compared. Run
``make bench``; ``--write docs/research/speed.md`` replaces the tables of that page, each as soon as
it is measured, and ``--defaults`` measures the shipped defaults only.
"""

import math
import re
import warnings
from argparse import ArgumentParser
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from full_size import full_size
from measure import (
    can_measure_memory,
    describe_machine,
    in_fresh_process,
    interleave,
    machine_limits,
    peak_bytes,
    to_markdown,
)
from reference import ReferenceMSiMamba

from skmamba import BraindecodeClassifier, MSiMambaClassifier, SlidingWindows
from skmamba.classifiers.msimamba import MAX_UNWHITENED
from skmamba.datasets import simulate_trials
from skmamba.models import MSiMamba, MSiMambaEnsemble
from skmamba.persistence import to_onnx

DEFAULTS = None  # options of the network: those of the classifier
WIDE = {"embedding": "inverted", "top_k": 3, "n_kernels": 6, "d_hidden": 64, "d_state": 16}
DEFAULT_SHAPES = [(64, 4, 128), (64, 4, 256), (64, 4, 512), (64, 14, 256), (32, 62, 200)]
WIDE_SHAPES = [(64, 4, 128), (64, 4, 512), (64, 14, 256), (32, 62, 200), (16, 62, 1000)]
BRAINDECODE_SHAPES = [(64, 4, 256), (64, 14, 256), (32, 62, 400)]
NETWORKS = ["MS-iMamba", "MS-iMamba, three members"]
NETWORKS += ["EEGNet", "ShallowFBCSPNet", "EEGConformer", "ATCNet"]
N_TRIALS = 1280  # of one minute each


def make_windows(batch, n_chans, n_times, sfreq=128):
    """Return windows of 1/f noise and alpha, with a frequency from 8 to 12 Hz in each window."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal((batch, n_chans, n_times)))
    spectrum[..., 1:] /= np.sqrt(np.arange(1, spectrum.shape[-1]))
    noise = np.fft.irfft(spectrum, n=n_times)
    alpha = np.sin(2 * np.pi * rng.uniform(8, 12, (batch, 1, 1)) * np.arange(n_times) / sfreq)
    x = noise / noise.std() + alpha
    return torch.from_numpy((x / x.std()).astype("float32"))


def get_defaults(n_chans):
    """Return the options that the classifier sets for a number of channels."""
    return {"spatial_whitening": n_chans > MAX_UNWHITENED}


def make_nets(params, shape, periods="batch"):
    """Return our network and the plain composition, with the same weights and no dropout."""
    params = get_defaults(shape[1]) if params is None else params
    torch.manual_seed(0)
    ours = MSiMamba(shape[1], 2, shape[2], drop_prob=0.0, **params)
    plain = ReferenceMSiMamba(shape[1], 2, shape[2], periods=periods, **params)
    plain.load_state_dict(ours.state_dict())
    return {"ours": ours, "plain": plain}


def train_step(net, x):
    net.zero_grad(set_to_none=True)
    net(x).logsumexp(-1).sum().backward()  # of each member of an ensemble


def predict(net, x):
    with torch.no_grad():
        net(x)


def relative_difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def largest_differences(params, shape, x):
    """Return relative differences of logits and gradients to the window-by-window reference."""
    nets = make_nets(params, shape, periods="window").values()
    with torch.no_grad():
        logits = relative_difference(*(net(x) for net in nets))
    for net in nets:
        train_step(net, x)
    gradients = zip(*([p.grad for p in net.parameters()] for net in nets), strict=True)
    return logits, max(relative_difference(*pair) for pair in gradients)


def against_reference(params, shape, repeats):
    """Return a row that compares our network and the plain composition."""
    x, nets = make_windows(*shape), make_nets(params, shape)
    forward = interleave({name: partial(predict, net, x) for name, net in nets.items()}, repeats)
    both = interleave({name: partial(train_step, net, x) for name, net in nets.items()}, repeats)
    logits, gradients = largest_differences(params, shape, x)
    return {
        "windows": " x ".join(map(str, shape)),
        "forward, ms": f"{1e3 * forward['ours']:.1f}",
        "times as fast": forward["plain"] / forward["ours"],
        "forward + backward, ms": f"{1e3 * both['ours']:.1f}",
        "times as fast ": both["plain"] / both["ours"],
        "logits differ": f"{logits:.0e}",
        "gradients differ": f"{gradients:.0e}",
    }


def compare_with_reference(params, shapes, repeats):
    """Return a row for each shape and their geometric mean."""
    rows = [against_reference(params, shape, repeats) for shape in shapes]
    means = {
        key: float(np.exp(np.mean([np.log(row[key]) for row in rows])))
        for key in ("times as fast", "times as fast ")
    }
    return [*rows, dict.fromkeys(rows[0], "") | {"windows": "geometric mean"} | means]


def memory(shape):
    """Return a row with the peak memory of forward and backward."""
    ours, plain = (in_fresh_process(peak_of_step, name, shape) for name in ("ours", "plain"))
    return {
        "windows": " x ".join(map(str, shape)),
        "ours, MB": f"{1e-6 * ours:.0f}",
        "plain, MB": f"{1e-6 * plain:.0f}",
        "share": ours / plain,
    }


def peak_of_step(name, shape):
    torch.set_num_threads(1)
    return peak_bytes(partial(train_step, make_nets(WIDE, shape)[name], make_windows(*shape)))


def compare_shapes(compare, repeats):
    """Return the rows of a comparison for each shape."""
    return [row for shape in BRAINDECODE_SHAPES for row in compare(shape, repeats)]


def compare_networks(shape, repeats):
    """Yield a row for each network, all at their defaults, on the same windows."""
    x, nets = make_windows(*shape), {name: make_network(name, shape) for name in NETWORKS}
    steps = {name: partial(train_step, net, x) for name, net in nets.items()}
    training = interleave(steps, 2 * repeats)
    for net in nets.values():
        net.eval()
    batches = interleave({k: partial(predict, net, x) for k, net in nets.items()}, repeats)
    alone = {name: partial(predict, net, x[:1]) for name, net in nets.items()}
    alone = interleave(alone, 20 * repeats)
    for name, net in nets.items():
        row = {
            "windows": " x ".join(map(str, shape)),
            "network": name,
            "parameters": sum(p.numel() for p in net.parameters()),
            "training, windows/s": f"{shape[0] / training[name]:.0f}",
            "times EEGNet": training["EEGNet"] / training[name],
            "prediction, windows/s": f"{shape[0] / batches[name]:.0f}",
            "one window, ms": f"{1e3 * alone[name]:.2f}",
        }
        if can_measure_memory():
            peak = in_fresh_process(peak_of_network, name, shape)
            row["peak memory of a step, MB"] = f"{1e-6 * peak:.0f}"
        yield row


def make_network(name, shape):
    _, n_chans, n_times = shape
    sizes = {"n_chans": n_chans, "n_outputs": 2, "n_times": n_times}
    if name.startswith("MS-iMamba"):
        network = MSiMambaEnsemble if "three" in name else MSiMamba
        return network(**sizes, **get_defaults(n_chans))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from braindecode import models

        return getattr(models, name)(**sizes)


def peak_of_network(name, shape):
    torch.set_num_threads(1)
    return peak_bytes(partial(train_step, make_network(name, shape), make_windows(*shape)))


def compare_runtimes(shape, repeats):
    """Yield a row for each network: one window in PyTorch and in onnxruntime."""
    x = make_windows(4, *shape[1:])
    classifiers = {
        "MS-iMamba": MSiMambaClassifier(max_epochs=1),
        "EEGNet": BraindecodeClassifier("EEGNet", max_epochs=1),
    }
    runs = {}
    for name, classifier in classifiers.items():
        classifier.fit(x.numpy(), [0, 1, 0, 1])
        runs[name, "torch"] = partial(predict, classifier.net_.module_.eval(), x[:1])
        session = make_session(classifier)
        runs[name, "onnx"] = partial(session.run, None, {"windows": x[:1].numpy()})
    seconds = interleave(runs, 20 * repeats)
    for name in classifiers:
        ours, exported = seconds[name, "torch"], seconds[name, "onnx"]
        yield {
            "window": " x ".join(map(str, shape[1:])),
            "network": name,
            "PyTorch, ms": f"{1e3 * ours:.2f}",
            "onnxruntime, ms": f"{1e3 * exported:.2f}",
            "times as fast": ours / exported,
        }


def make_session(classifier):
    """Return a session of onnxruntime, of one thread, for a fitted classifier."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with TemporaryDirectory() as folder:
        path = to_onnx(classifier, Path(folder) / "model.onnx")
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def count_products(grid_shape, kernel_shape):
    """Return the multiplications of a convolution of one grid, without those of the padding."""
    products = math.prod(kernel_shape[:2])
    for length, side in zip(grid_shape, kernel_shape[2:], strict=True):
        reach = min(side // 2, length - 1)
        products *= length * (2 * reach + 1) - reach * (reach + 1)  # less the taps off both ends
    return products


def roofline(repeats, shape=(64, 4, 512)):
    """Return the operations and bytes of a training step, and the share of the limit reached."""
    limits = machine_limits()
    x, net = make_windows(*shape), make_nets(WIDE, shape)["ours"]
    seconds = interleave({"": partial(train_step, net, x)}, repeats)[""]
    periods = -(-net.n_times // net.mstb.scales(x)[0])  # (B, k)
    kernel = net.mstb.narrow.merged()[0]
    products = sum(
        count_products((-(-net.n_times // period), period), kernel.shape)
        for window in periods.tolist()
        for period in set(window)  # a period that occurs twice is convolved once
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
    """Return the cost of the estimator: time of fit, memory of predict."""
    n_windows, n_epochs = 1280, 3
    trials = simulate_trials(n_subjects=1, n_trials=n_windows, n_channels=4, n_times=256)
    y = np.arange(n_windows) % 2
    classifier = MSiMambaClassifier(max_epochs=n_epochs, random_state=0)

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


def sections(repeats, all_threads, defaults_only):
    """Yield title and table of each measurement."""
    names = {n: "one thread" if n == 1 else f"{n} threads" for n in all_threads}
    for threads, name in names.items():
        torch.set_num_threads(threads)
        title = f"At the defaults, against the plain composition, {name}"
        yield title, compare_with_reference(DEFAULTS, DEFAULT_SHAPES, repeats)
        title = f"At the defaults, against braindecode, {name}"
        yield title, compare_shapes(compare_networks, repeats)
    torch.set_num_threads(1)
    if all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        title = "At the defaults, one window in onnxruntime, one thread"
        yield title, compare_shapes(compare_runtimes, repeats)
    if can_measure_memory():
        yield "Leave-one-subject-out at the defaults, two processes of one thread", full_size()
    if defaults_only:
        return
    for threads, name in names.items():
        torch.set_num_threads(threads)
        title = f"One wide network, against the plain composition, {name}"
        yield title, compare_with_reference(WIDE, WIDE_SHAPES, repeats)
    torch.set_num_threads(1)
    if can_measure_memory():
        title = "Peak memory of forward + backward of the wide network, one thread"
        yield title, [memory(shape) for shape in WIDE_SHAPES]
    for title, values in (
        ("Roofline of a training step of the wide network, 64 x 4 x 512", roofline(repeats)),
        ("Cost of the estimator, one thread", glue(repeats)),
    ):
        yield title, [{"": key, "measured": value} for key, value in values.items()]


def write_section(path, title, text):
    """Replace the section of a title on a page."""
    section = re.compile(rf"^## {re.escape(title)}\n.*?(?=\n\n## )", re.DOTALL | re.MULTILINE)
    page, n = section.subn(lambda _: text, path.read_text(encoding="utf-8"))
    if n != 1:
        raise ValueError(f"{path} must have one section {title!r}, got {n}.")
    path.write_text(page, encoding="utf-8")


def main():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--defaults", action="store_true", help="measure the defaults only")
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    options = parser.parse_args()
    machine = f"Measured on {describe_machine()}."
    print(machine)
    for title, rows in sections(options.repeats, options.threads, options.defaults):
        text = f"## {title}\n\n{machine}\n\n{to_markdown(rows)}"
        print(f"\n\n{text}", flush=True)
        if options.write:
            write_section(options.write, title, text)


if __name__ == "__main__":
    main()
