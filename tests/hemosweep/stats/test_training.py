import numpy as np
import pytest

from hemosweep.stats.training import training_noise


def test_the_mean_squares_of_two_seeds_by_hand():
    # Seeds differ by 0.06 and 0.02 in the cases of fold 0, and by 0.02 and 0 in those of fold 1: the fold means are
    # 0.02 and 0.005 from their mean over seeds, the cases 0.01 and 0.005 from that.
    scores_SN = np.array([[0.50, 0.60, 0.70, 0.80], [0.56, 0.62, 0.72, 0.80]])
    noise = training_noise(scores_SN, np.array([0, 0, 1, 1]))
    assert (noise.num_seeds, noise.df, noise.rest_df, noise.share) == (2, 2, 2, 0.5)
    assert noise.seeds == pytest.approx((2 * 0.02**2 + 2 * 0.005**2) / 2)
    assert noise.rest == pytest.approx((4 * 0.01**2 + 4 * 0.005**2) / 2)
    assert noise.variance == pytest.approx(4.25e-4 - 0.5 * 2.5e-4)


def test_the_mean_squares_of_three_seeds_and_unequal_folds_by_hand():
    # Fold 0: 0.01, 0, -0.01 in one case and 0.03, 0, -0.03 in the other; fold 1 has one case with 0.02, -0.04, 0.02.
    scores_SN = 0.5 + np.array([[0.01, 0.03, 0.02], [0.0, 0.0, -0.04], [-0.01, -0.03, 0.02]])
    noise = training_noise(scores_SN, np.array([0, 0, 1]))
    assert (noise.num_seeds, noise.df, noise.rest_df) == (3, 4, 2)
    assert noise.seeds == pytest.approx((2 * 0.02**2 + 2 * 0.02**2 + 0.04**2) / 4)
    assert noise.rest == pytest.approx(4 * 0.01**2 / 2)
    assert noise.share == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize("fold_N", [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 2], [1, 0, 1, 1, 1, 0], [0] * 6])
def test_the_mean_squares_expect_training_noise_and_a_share_of_the_rest(fold_N):
    # A mean square is a quadratic form: its expectation is the sum of it over what each component adds to the scores.
    num_seeds, num_cases, fold_N = 3, 6, np.array(fold_N)
    cells = [(seed, case) for seed in range(num_seeds) for case in range(num_cases)]
    seed_of, case_of = (np.array(numbers).reshape(num_seeds, num_cases) for numbers in zip(*cells, strict=True))

    def expected(*labels_SN):
        labels = np.unique(np.stack(labels_SN, axis=-1).reshape(len(cells), -1), axis=0, return_inverse=True)[1].ravel()
        parts = [(labels == label).astype(float).reshape(num_seeds, num_cases) for label in range(labels.max() + 1)]
        noises = [training_noise(part, fold_N) for part in parts]
        return sum(noise.seeds for noise in noises), sum(noise.rest for noise in noises)

    share = training_noise(np.zeros((num_seeds, num_cases)), fold_N).share
    assert expected(seed_of, fold_N[case_of]) == pytest.approx((1, 0))
    assert expected(seed_of, case_of) == pytest.approx((share, 1))
    assert expected(case_of) == pytest.approx((0, 0))


def test_the_variance_is_kept_from_falling_below_zero():
    # The two cases move against each other, their mean stays.
    noise = training_noise(np.array([[0.5, 0.6], [0.6, 0.5]]), np.array([0, 0]))
    assert noise.seeds == pytest.approx(0.0, abs=1e-30)
    assert noise.rest == pytest.approx(0.01)
    assert noise.variance == 0.0


def test_folds_of_one_case_leave_no_rest():
    noise = training_noise(np.array([[0.5, 0.6], [0.52, 0.66]]), np.array([0, 1]))
    assert (noise.rest, noise.rest_df, noise.share) == (0.0, 0, 1.0)
    assert noise.variance == pytest.approx((2 * 0.01**2 + 2 * 0.03**2) / 2)


def test_one_seed_shows_no_noise():
    assert training_noise(np.array([[0.5, 0.6]]), np.array([0, 0])) is None
