"""Augmentations of hand-made patches."""

import pytest
import torch

from hemosweep.errors import BadInput
from hemosweep.sampling.augmentations.affine import Affine
from hemosweep.sampling.augmentations.affine_map import move
from hemosweep.sampling.augmentations.flip import Flip
from hemosweep.sampling.augmentations.intensity_jitter import IntensityJitter
from hemosweep.testing.augmentations import AugmentationContract

COMPONENTS = [
    Affine(),
    Affine(rotation_deg=0.0, zoom=0.0, shift=0.2, shear=0.1),
    Flip(),
    Flip(front_back=True, head_foot=True),
    IntensityJitter(),
    IntensityJitter(gamma=0.3, noise=0.1),
]


@pytest.mark.parametrize("component", COMPONENTS, ids=str)
class TestOurs(AugmentationContract):
    @pytest.fixture(autouse=True)
    def _of(self, component):
        self.component = component


def patches(*size_DHW, batch=1, channels=1):
    random = torch.Generator().manual_seed(0)
    x_BCDHW = torch.rand((batch, channels, *size_DHW), generator=random) * 1.8 - 0.9
    return x_BCDHW, ((x_BCDHW[:, 0] > 0.0).long(),)


def linear(*rows):
    return torch.tensor([rows], dtype=torch.float32)


NO_SHIFT = torch.zeros(1, 2)


def test_an_affine_map_that_does_nothing_leaves_the_patch_as_it_is():
    x_BCDHW, maps = patches(3, 6, 8, channels=2)
    seen_BCDHW, (label_BDHW,) = Affine(rotation_deg=0.0, zoom=0.0, shift=0.0).build()(x_BCDHW, maps)
    torch.testing.assert_close(seen_BCDHW, x_BCDHW, rtol=0, atol=1e-5)
    assert torch.equal(label_BDHW, maps[0])


def test_a_right_angle_turns_image_and_label_alike():
    x_BCDHW, maps = patches(2, 5, 5)
    # The pixel at (row, column) comes from (column, -row): a turn by a right angle.
    seen_BCDHW, (label_BDHW,) = move(x_BCDHW, maps, linear((0, 1), (-1, 0)), NO_SHIFT)
    turned = torch.rot90(x_BCDHW, -1, (-2, -1)), torch.rot90(x_BCDHW, 1, (-2, -1))
    assert any(torch.allclose(seen_BCDHW, one, atol=1e-5) for one in turned)
    torch.testing.assert_close((seen_BCDHW[:, 0] > 0.0).long(), label_BDHW)


def test_a_shift_takes_in_the_edge():
    x_BCDHW, maps = patches(1, 4, 6)
    seen_BCDHW, _ = move(x_BCDHW, maps, linear((1, 0), (0, 1)), torch.tensor([[1.0, -2.0]]))
    expected = x_BCDHW[..., [1, 2, 3, 3], :][..., [0, 0, 0, 1, 2, 3]]
    torch.testing.assert_close(seen_BCDHW, expected, rtol=0, atol=1e-5)


def test_a_zoom_by_two_shows_the_middle_half():
    x_BCDHW = torch.arange(8.0).expand(1, 1, 1, 8, 8)
    seen_BCDHW, _ = move(x_BCDHW, (), linear((0.5, 0), (0, 0.5)), NO_SHIFT)
    expected = 3.5 + 0.5 * (torch.arange(8.0) - 3.5)
    torch.testing.assert_close(seen_BCDHW[0, 0, 0, 3], expected)


def test_each_patch_moves_in_its_own_way_and_all_of_its_slices_alike():
    plane = torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    x_BCDHW = plane.expand(3, 2, 4, 8, 8).contiguous()
    torch.manual_seed(0)
    seen_BCDHW, _ = Affine().build()(x_BCDHW, ())
    assert torch.allclose(seen_BCDHW, seen_BCDHW[:, :1, :1].expand_as(seen_BCDHW), atol=1e-6)
    assert not torch.allclose(seen_BCDHW[0], seen_BCDHW[1])


def test_a_rotation_keeps_what_is_round():
    h, w = torch.meshgrid(torch.arange(33.0) - 16, torch.arange(33.0) - 16, indexing="ij")
    disk = (1.0 - (h**2 + w**2).sqrt() / 16).clamp(min=0.0)[None, None, None]
    torch.manual_seed(1)
    seen_BCDHW, _ = Affine(rotation_deg=90.0, zoom=0.0, shift=0.0).build()(disk, ())
    assert (seen_BCDHW - disk).abs().max() < 0.02


def test_a_flip_turns_a_patch_and_its_label_or_leaves_both():
    x_BCDHW, maps = patches(2, 3, 4, batch=16)
    torch.manual_seed(0)
    seen_BCDHW, (label_BDHW,) = Flip().build()(x_BCDHW, maps)
    kept = [torch.equal(seen, one) for seen, one in zip(seen_BCDHW, x_BCDHW, strict=True)]
    assert 0 < sum(kept) < 16
    for number, is_kept in enumerate(kept):
        assert torch.equal(seen_BCDHW[number], x_BCDHW[number] if is_kept else x_BCDHW[number].flip(-1))
        assert torch.equal(label_BDHW[number], maps[0][number] if is_kept else maps[0][number].flip(-1))


def test_background_stays_background_and_the_label_as_it_is():
    x_BCDHW, maps = patches(2, 4, 4, batch=3)
    x_BCDHW[..., 0] = -1.0
    seen_BCDHW, seen = IntensityJitter(brightness=0.5, contrast=0.5, gamma=0.5, noise=0.2).build()(x_BCDHW, maps)
    assert (seen_BCDHW[..., 0] == -1.0).all()
    assert seen_BCDHW.abs().max() <= 1.0
    assert seen[0] is maps[0]


def test_brightness_is_one_addition_a_patch():
    x_BCDHW, maps = patches(2, 4, 4, batch=3)
    seen_BCDHW, _ = IntensityJitter(brightness=0.05, contrast=0.0).build()(x_BCDHW, maps)
    added = (seen_BCDHW - x_BCDHW).flatten(1)
    assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-6)
    assert 0.0 < added.abs().max() <= 0.05 + 1e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine(zoom=1.0), r"^zoom=1.0: must lie in \[0, 1\)"),
        (lambda: Affine(rotation_deg=-1.0), "^rotation_deg=-1.0"),
        (lambda: IntensityJitter(noise=-0.1), "^noise=-0.1"),
        (lambda: Flip(left_right=False), "no axis is given"),
    ],
)
def test_an_impossible_one_is_refused(make, message):
    with pytest.raises(BadInput, match=message):
        make()
