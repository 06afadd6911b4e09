import itertools
import math

import pytest
import torch

from skmamba.modules._fold_groups import FoldGroup, direct_cost, group_folds

FEW_CHANNELS, MANY_CHANNELS = (4, 16, 5, 5), (62, 64, 11, 11)


def some_periods(n_times, n_folds, seed=0):
    generator = torch.Generator().manual_seed(seed)
    frequencies = torch.randint(1, n_times // 2 + 1, (n_folds,), generator=generator)
    return (-(-n_times // frequencies)).sort().values


@pytest.mark.parametrize("kernel_shape", [FEW_CHANNELS, MANY_CHANNELS, (1, 1, 1, 1)])
@pytest.mark.parametrize("n_times, n_folds", [(2, 1), (37, 20), (128, 300), (512, 48)])
def test_groups_hold_all_folds_in_order(n_times, n_folds, kernel_shape):
    periods = some_periods(n_times, n_folds)
    groups = group_folds(periods, n_times, kernel_shape)
    folds = [fold for group in groups for fold in range(group.start, group.stop)]
    assert folds == list(range(n_folds))


@pytest.mark.parametrize("kernel_shape", [FEW_CHANNELS, MANY_CHANNELS, (1, 1, 1, 1)])
@pytest.mark.parametrize("n_times, n_folds", [(2, 1), (37, 20), (128, 300), (512, 48)])
def test_grids_are_large_enough_for_every_period_of_a_group(n_times, n_folds, kernel_shape):
    periods = some_periods(n_times, n_folds)
    for group in group_folds(periods, n_times, kernel_shape):
        own = periods[group.start : group.stop].tolist()
        assert (group.shortest, group.longest) == (own[0], own[-1])
        assert group.shape == (max(math.ceil(n_times / p) for p in own), max(own))


def test_no_folds_make_no_groups():
    assert group_folds(torch.tensor([], dtype=torch.long), 64, FEW_CHANNELS) == []


def test_folds_of_one_period_are_one_group_however_many():
    (group,) = group_folds(torch.full((5000,), 10), 128, MANY_CHANNELS)
    assert (group.start, group.stop, group.shape) == (0, 5000, (13, 10))


def test_neighbours_with_few_folds_share_a_group():
    (group,) = group_folds(torch.tensor([9, 9, 10, 11]), 128, FEW_CHANNELS)
    assert (group.shortest, group.longest, group.shape) == (9, 11, (15, 11))


def test_a_large_group_keeps_its_grids_though_a_neighbour_has_few_folds():
    periods = torch.tensor([8] * 2000 + [9])
    groups = group_folds(periods, 128, FEW_CHANNELS)
    assert [(g.shape, g.start, g.stop) for g in groups] == [
        ((16, 8), 0, 2000),
        ((15, 9), 2000, 2001),
    ]


def test_very_different_periods_do_not_share_grids():
    groups = group_folds(torch.tensor([2] * 50 + [64] * 50), 128, FEW_CHANNELS)
    assert [group.shape for group in groups] == [(64, 2), (2, 64)]


@pytest.mark.parametrize("kernel_shape", [FEW_CHANNELS, MANY_CHANNELS])
def test_a_group_costs_no_more_than_its_periods_apart(kernel_shape):
    periods = some_periods(128, 100)
    for group in group_folds(periods, 128, kernel_shape):
        apart, start = 0, group.start
        for period, folds in itertools.groupby(periods[group.start : group.stop].tolist()):
            stop = start + len(list(folds))
            apart += FoldGroup(128, kernel_shape, period, period, start, stop).cost
            start = stop
        assert group.cost <= apart


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 6), (8, 4)])
@pytest.mark.parametrize("sides", [(1, 1), (3, 3), (5, 3), (11, 11)])
def test_a_direct_convolution_costs_the_meetings_of_points_and_taps(shape, sides):
    rows, columns = range(shape[0]), range(shape[1])
    meetings = 0
    for row, column in itertools.product(rows, columns):
        for down, right in itertools.product(range(sides[0]), range(sides[1])):
            met = row + down - sides[0] // 2, column + right - sides[1] // 2
            meetings += met[0] in rows and met[1] in columns
    assert direct_cost(shape, (2, 3, *sides)) == (0, 2 * 3 * meetings)


def test_square_grids_with_many_channels_and_large_kernels_are_spectral():
    group = FoldGroup(200, MANY_CHANNELS, 13, 13, 0, 32)
    assert group.shape == (16, 13)
    assert group.is_spectral


@pytest.mark.parametrize(
    "period, kernel_shape",
    [(200, MANY_CHANNELS), (2, MANY_CHANNELS), (13, FEW_CHANNELS), (13, (4, 16, 11, 11))],
    ids=["flat", "tall", "few channels", "few channels, large kernel"],
)
def test_flat_grids_and_few_channels_are_direct(period, kernel_shape):
    assert not FoldGroup(200, kernel_shape, period, period, 0, 32).is_spectral


def test_a_single_fold_is_not_worth_the_spectrum_of_a_kernel():
    assert not FoldGroup(200, MANY_CHANNELS, 13, 13, 0, 1).is_spectral
