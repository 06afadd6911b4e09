import pytest
import torch

from skmamba.modules._folding import Folding, SharedFolding

PERIODS = [1, 2, 3, 5, 12, 18, 19, 36, 37]


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def shared_folding(n_times, periods):
    shape = -(-n_times // min(periods)), max(periods)
    return SharedFolding(n_times, torch.tensor(periods), shape)


def test_a_series_of_seven_points_with_period_three_by_hand():
    folding, series = Folding(7, 3), torch.arange(7)[None, :, None]
    grids = folding.fold(series)
    assert grids[..., 0].tolist() == [[[0, 1, 2], [3, 4, 5], [6, 0, 0]]]
    assert torch.equal(folding.unfold(grids), series)
    assert folding.inside is None


def test_a_period_that_fits_leaves_nothing_to_fill():
    grids = Folding(6, 3).fold(torch.arange(6)[None, :, None])
    assert grids[..., 0].tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_channels_stay_together():
    series = torch.stack([torch.arange(5), 10 * torch.arange(5)], 1)[None]
    assert Folding(5, 2).fold(series)[0, 1].tolist() == [[2, 20], [3, 30]]
    assert shared_folding(5, [2]).fold(series)[0, 1].tolist() == [[2, 20], [3, 30]]


def test_periods_two_and_three_in_grids_of_one_shape_by_hand():
    folding = SharedFolding(7, torch.tensor([2, 3]), (4, 3))
    series = torch.stack([torch.arange(1, 8), torch.arange(11, 18)])[..., None]
    grids = folding.fold(series)
    assert grids[..., 0].tolist() == [
        [[1, 2, 0], [3, 4, 0], [5, 6, 0], [7, 0, 0]],
        [[11, 12, 13], [14, 15, 16], [17, 0, 0], [0, 0, 0]],
    ]
    # what fills up a last row belongs to the fold, as it does where grids are not shared
    assert folding.inside[..., 0].int().tolist() == [
        [[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]],
        [[1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0]],
    ]
    assert torch.equal(folding.unfold(grids), series)


@pytest.mark.parametrize("period", PERIODS)
def test_unfolding_takes_a_fold_back(period):
    folding, x = Folding(37, period), normal(3, 37, 2)
    assert torch.equal(folding.unfold(folding.fold(x)), x)


def test_unfolding_takes_folds_of_shared_grids_back():
    x = normal(len(PERIODS), 37, 2)
    folding = shared_folding(37, PERIODS)
    assert torch.equal(folding.unfold(folding.fold(x)), x)


def test_a_shared_grid_holds_the_grid_of_its_period_and_zeros():
    x = normal(len(PERIODS), 37, 2)
    folding = shared_folding(37, PERIODS)
    shared = folding.fold(x)
    for i, period in enumerate(PERIODS):
        alone = Folding(37, period).fold(x[i : i + 1])[0]  # (rows, columns, C)
        expected = torch.zeros_like(shared[i])
        expected[: alone.shape[0], : alone.shape[1]] = alone
        assert torch.equal(shared[i], expected)
        inside = torch.zeros(shared.shape[1:3], dtype=torch.bool)
        inside[: alone.shape[0], : alone.shape[1]] = True
        assert torch.equal(folding.inside[i, ..., 0], inside)


@pytest.mark.parametrize(
    "folding",
    [*(Folding(37, period) for period in PERIODS), shared_folding(37, PERIODS)],
    ids=[*map(str, PERIODS), "shared"],
)
def test_folding_is_the_adjoint_of_unfolding(folding):
    x = normal(len(PERIODS), 37, 2)
    in_series = folding.fold(torch.ones_like(x))
    g = normal(*in_series.shape, seed=1) * in_series
    torch.testing.assert_close((folding.fold(x) * g).sum(), (x * folding.unfold(g)).sum())


def test_unfolding_does_not_see_what_is_outside_of_the_series():
    x = normal(len(PERIODS), 37, 2)
    for folding in (Folding(37, 5), shared_folding(37, PERIODS)):
        grids = folding.fold(x)
        outside = folding.fold(torch.ones_like(x)) == 0
        assert outside.any()
        grids[outside] = torch.nan
        assert torch.equal(folding.unfold(grids), x)
