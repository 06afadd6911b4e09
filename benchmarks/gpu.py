"""Speed on a GPU and the CPU: training, prediction, parallel folds, profile of a training step.

Run ``make gpu``. Without a GPU, ``python benchmarks/gpu.py --device cpu --quick`` tests the
command.
"""

from argparse import ArgumentParser
from functools import partial
from time import perf_counter

import torch
from measure import describe_machine, interleave, to_markdown
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from speed import make_network, make_windows, predict, train_step
from torch.profiler import ProfilerActivity, profile

from skmamba import MSiMambaClassifier, SlidingWindows
from skmamba.datasets import simulate_trials

SIZES = (4, 256), (14, 256), (62, 400)  # channels, samples
BATCHES = 64, 512, 4096
NETWORKS = "MS-iMamba", "EEGNet", "EEGConformer"
RATES = "training, windows/s", "prediction, windows/s"
PRECISIONS = "float32", "bfloat16"
N_JOBS = 1, 2, 4, 8  # folds side by side
CPU_BATCH = 64  # larger ones are not faster on a CPU
# Operations that wait for the device.
WAITS = ("aten::item", "aten::nonzero", "cudaStreamSynchronize", "cudaDeviceSynchronize")


def describe_device(device):
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else describe_machine()


def measure_rates(name, shape, device, repeats):
    """Return the windows per second of training steps and of predictions."""
    x, net = make_windows(*shape).to(device), make_network(name, shape).to(device)

    def measure(run):
        def run_and_wait():
            run(net, x)
            if x.is_cuda:
                torch.cuda.synchronize(device)

        return f"{shape[0] / interleave({'': run_and_wait}, repeats)['']:.0f}"

    training = measure(train_step)
    net.eval()
    return dict(zip(RATES, (training, measure(predict)), strict=True))


def compare_devices(device, size, batches, repeats):
    """Yield a row for each batch and network on the device, and for a batch on the CPU."""
    for own, batch in [*((device, batch) for batch in batches), ("cpu", CPU_BATCH)]:
        for name in NETWORKS:
            shape = batch, *size
            try:
                rates = measure_rates(name, shape, own, repeats)
            except torch.OutOfMemoryError:
                rates = dict.fromkeys(RATES, "out of memory")
            row = {"windows": " x ".join(map(str, shape)), "device": own, "network": name}
            yield row | rates


def profile_step(shape, device, n_operations=5):
    """Return the longest operations of a training step, and those that wait for the device."""
    step = partial(
        train_step, make_network("MS-iMamba", shape).to(device), make_windows(*shape).to(device)
    )
    step()  # compiles kernels
    activities = [ProfilerActivity.CPU]
    if device.startswith("cuda"):
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiled:
        step()
    operations = profiled.key_averages()

    def get_time(operation):
        return max(operation.self_device_time_total, operation.self_cpu_time_total)

    longest = sorted(operations, key=get_time, reverse=True)[:n_operations]
    waiting = [operation for operation in operations if operation.key in WAITS]
    return [
        {"operation": own.key, "calls": own.count, "ms": f"{1e-3 * get_time(own):.2f}"}
        for own in [*longest, *waiting]
    ]


def time_folds(device, n_subjects, n_trials, all_n_jobs):
    """Yield the seconds of leave-one-subject-out, with several folds at a time on the device."""
    trials = simulate_trials(n_subjects, n_trials, n_times=2560)
    options = {"groups": trials.metadata["subject"], "cv": LeaveOneGroupOut()}
    for dtype in PRECISIONS:
        clf = MSiMambaClassifier(device=device, dtype=dtype, random_state=0, verbose=False)
        model = make_pipeline(SlidingWindows(2.0), clf)
        for n_jobs in all_n_jobs:
            start = perf_counter()
            scores = cross_val_score(model, trials, trials.y, n_jobs=n_jobs, **options)
            seconds = perf_counter() - start
            row = {"dtype": dtype, "folds side by side": n_jobs, "folds": n_subjects}
            yield row | {"s": f"{seconds:.1f}", "accuracy": f"{scores.mean():.2f}"}


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--quick", action="store_true", help="one small size, one repeat, two small folds"
    )
    options = parser.parse_args(argv)
    sizes, batches, repeats = SIZES, options.batches, options.repeats
    n_subjects, n_trials, all_n_jobs = 16, 40, N_JOBS
    if options.quick:
        sizes, batches, repeats = SIZES[:1], [8], 1
        n_subjects, n_trials, all_n_jobs = 2, 4, N_JOBS[:1]
    torch.set_num_threads(1)
    print(f"Measured on {describe_device(options.device)}; CPU: {describe_machine()}, one thread.")
    for size in sizes:
        rows = list(compare_devices(options.device, size, batches, repeats))
        shape = batches[0], *size
        print(f"\n{to_markdown(rows)}\n\nA training step of MS-iMamba, {shape[0]} windows:\n")
        print(to_markdown(profile_step(shape, options.device)), flush=True)
    print(f"\nLeave-one-subject-out, 20 s of 4 channels a trial, {n_trials} trials a subject:\n")
    print(to_markdown(list(time_folds(options.device, n_subjects, n_trials, all_n_jobs))))


if __name__ == "__main__":
    main()
