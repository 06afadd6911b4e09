"""Speed on a GPU beside the CPU: training and prediction, and a profile of one training step.

Run ``make gpu``. Without a GPU, ``python benchmarks/gpu.py --device cpu --quick`` tests the
command.
"""

from argparse import ArgumentParser
from functools import partial

import torch
from measure import describe_machine, interleave
from speed import make_network, make_windows, predict, to_markdown, train_step
from torch.profiler import ProfilerActivity, profile

SIZES = (4, 256), (14, 256), (62, 400)  # channels, samples
BATCHES = 64, 512, 4096
NETWORKS = "MS-iMamba", "EEGNet", "EEGConformer"
RATES = "training, windows/s", "prediction, windows/s"
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


def main(argv=None):
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one small size and one repeat")
    options = parser.parse_args(argv)
    sizes, batches, repeats = SIZES, options.batches, options.repeats
    if options.quick:
        sizes, batches, repeats = SIZES[:1], [8], 1
    torch.set_num_threads(1)
    print(f"Measured on {describe_device(options.device)}; CPU: {describe_machine()}, one thread.")
    for size in sizes:
        rows = list(compare_devices(options.device, size, batches, repeats))
        shape = batches[0], *size
        print(f"\n{to_markdown(rows)}\n\nA training step of MS-iMamba, {shape[0]} windows:\n")
        print(to_markdown(profile_step(shape, options.device)), flush=True)


if __name__ == "__main__":
    main()
