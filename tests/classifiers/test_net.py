import threading

import numpy as np
import torch

from skmamba.classifiers._net import (
    WindowDataset,
    WindowNet,
    load_batches,
    seeded,
    torch_threads,
)


def make_dataset(**options):
    X = np.arange(3 * 2 * 10.0).reshape(3, 2, 10)
    bags = np.lib.stride_tricks.sliding_window_view(X, 4, axis=-1)[:, :, ::2].swapaxes(1, 2)
    return bags, WindowDataset(bags, lambda x: x, "float32", **options)


def test_rows_run_through_windows_trial_by_trial():
    bags, dataset = make_dataset(y=np.array([5, 6, 7]), weight=np.array([1.0, 2.0, 3.0]))
    inputs, y = dataset[[0, 3, 4, 11]]
    assert len(dataset) == 12
    assert np.array_equal(inputs["x"], np.stack([bags[0, 0], bags[0, 3], bags[1, 0], bags[2, 3]]))
    assert y.tolist() == [5, 5, 6, 7]
    assert inputs["weight"].tolist() == [1, 1, 2, 3]


def test_a_set_holds_only_its_trials():
    bags, dataset = make_dataset(trials=np.array([2, 0]), y=np.array([5, 6, 7]))
    inputs, y = dataset[range(len(dataset))]
    assert y.tolist() == [7] * 4 + [5] * 4
    assert np.array_equal(inputs["x"], np.concatenate([bags[2], bags[0]]))


def test_shuffled_batches_hold_every_window_once_an_epoch():
    _, dataset = make_dataset(y=np.arange(3))
    loader = load_batches(dataset, 5, shuffle=True, seed=0)
    first, second = ([inputs["x"][:, 0, 0].tolist() for inputs, _ in loader] for _ in range(2))
    assert [len(batch) for batch in first] == [5, 5, 2]
    everything = sorted(dataset[range(12)][0]["x"][:, 0, 0].tolist())
    assert sorted(value for batch in first for value in batch) == everything
    assert first != second  # another order in every epoch


def test_iterating_leaves_the_global_generator_alone():
    _, dataset = make_dataset()
    before = torch.get_rng_state()
    list(load_batches(dataset, 5))
    list(load_batches(dataset, 5, shuffle=True, seed=3))
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_block_gives_both_random_states_back():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    with seeded(0, "cpu"):
        torch.rand(3)
        np.random.rand(3)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_equal(np.random.get_state(), numpy_state)


def test_seeded_blocks_of_threads_take_turns():
    draws = []

    def draw(seed):
        with seeded(seed, "cpu"):
            draws.append((seed, [torch.rand(1).item() for _ in range(200)]))

    threads = [threading.Thread(target=draw, args=(i % 2,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        of_seed = [numbers for other, numbers in draws if other == seed]
        assert all(numbers == of_seed[0] for numbers in of_seed)


def test_threads_of_torch_are_given_back():
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with torch_threads(None):
        assert torch.get_num_threads() == before


def test_the_loss_of_members_is_the_mean_of_their_weighted_losses():
    logits = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    classes = torch.tensor([0, 3, 1, 1, 2])
    weight = torch.tensor([1.0, 0.5, 2.0, 0.0, 3.0], dtype=torch.float64)
    net = WindowNet(
        torch.nn.PReLU, criterion=torch.nn.CrossEntropyLoss, criterion__reduction="none"
    ).initialize()
    loss = net.get_loss(logits, classes, X={"weight": weight})
    of_members = []
    for member in range(3):
        total = 0.0
        for window in range(5):
            scores = np.exp(logits[window, member].numpy())
            surprise = -np.log(scores[classes[window]] / scores.sum())
            total += weight[window].item() * surprise
        of_members.append(total / weight.sum().item())
    assert np.isclose(loss.item(), np.mean(of_members), rtol=1e-12)
