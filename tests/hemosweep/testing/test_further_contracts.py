"""The contracts of augmentations, post-processing and weight maps find what breaks them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from hemosweep.testing.augmentations import AugmentationContract
from hemosweep.testing.postprocessing import PostProcessingContract
from hemosweep.testing.weight_maps import WeightMapContract


def ones(case):
    return np.ones(case.lesion_DHW.shape, dtype=np.float32)


def marks(case):
    case.lesion_DHW[0] = True
    return ones(case)


WEIGHTS = {
    "": ones,
    "list": lambda case: ones(case).tolist(),
    "double": lambda case: ones(case).astype(float),
    "slice": lambda case: ones(case)[0],
    "negative": lambda case: -ones(case),
    "nothing": lambda case: 0.0 * ones(case),
    "by volume": lambda case: ones(case) / np.float32(case.lesion_DHW.sum()),
    "random": lambda case: np.random.default_rng().random(case.lesion_DHW.shape, dtype=np.float32),
    "marks": marks,
}


def fills(mask_DHW, probability_DHW):
    mask_DHW[:] = True
    return mask_DHW


STEPS = {
    "": lambda mask_DHW, probability_DHW: mask_DHW & (probability_DHW > 0.7),
    "list": lambda mask_DHW, probability_DHW: mask_DHW.tolist(),
    "numbers": lambda mask_DHW, probability_DHW: mask_DHW.astype(np.uint8),
    "slice": lambda mask_DHW, probability_DHW: mask_DHW[0],
    "random": lambda mask_DHW, probability_DHW: np.random.default_rng().random(mask_DHW.shape) > 0.5,
    "fills": fills,
}
own = torch.Generator()


def flipped(x_BCDHW, maps):
    if torch.rand(()) < 0.5:
        return x_BCDHW.flip(4), tuple(one.flip(3) for one in maps)
    return x_BCDHW, maps


def in_place(x_BCDHW, maps):
    return x_BCDHW.mul_(torch.rand(())), maps


CHANGES = {
    "": flipped,
    "list": lambda x_BCDHW, maps: (flipped(x_BCDHW, maps)[0], list(maps)),
    "lost": lambda x_BCDHW, maps: (flipped(x_BCDHW, maps)[0], maps[:1]),
    "cropped": lambda x_BCDHW, maps: (x_BCDHW[..., 1:], tuple(one[..., 1:] for one in maps)),
    "double": lambda x_BCDHW, maps: (x_BCDHW.double(), maps),
    "infinite": lambda x_BCDHW, maps: (x_BCDHW / 0.0, maps),
    "between": lambda x_BCDHW, maps: (x_BCDHW, tuple((0.5 * (one + one.roll(1, 3))).to(one.dtype) for one in maps)),
    "its own": lambda x_BCDHW, maps: (x_BCDHW + torch.rand((), generator=own), maps),
    "never": lambda x_BCDHW, maps: (x_BCDHW, maps),
    "in place": in_place,
}


@dataclass(frozen=True)
class Weighs:
    kind: str = ""

    def weights(self, case):
        return WEIGHTS[self.kind](case)


@dataclass(frozen=True)
class Steps:
    kind: str = ""

    def apply(self, mask_DHW, probability_DHW, spacing_DHW_mm):
        return STEPS[self.kind](mask_DHW, probability_DHW)


@dataclass(frozen=True)
class Changes:
    kind: str = ""

    def build(self):
        return CHANGES[self.kind]


CONTRACTS = {Weighs: WeightMapContract, Steps: PostProcessingContract, Changes: AugmentationContract}


def contract_of(component):
    contract = CONTRACTS[type(component)]()
    contract.component = component
    return contract


@pytest.mark.parametrize(
    ("component", "test"),
    [(cls(), name) for cls, contract in CONTRACTS.items() for name in dir(contract) if name.startswith("test_")],
    ids=str,
)
def test_what_is_broken_below_is_whole_without_its_mistake(component, test):
    getattr(contract_of(component), test)()


OF_VOXELS = "test_it_has_a_weight_for_each_voxel_of_the_case_with_a_lesion_or_without"
OF_GRID = "test_it_is_a_mask_of_the_same_grid"
OF_SHAPE = "test_images_labels_and_weights_keep_their_shapes_and_types"


@pytest.mark.parametrize(
    ("component", "test"),
    [
        *((Weighs(kind), OF_VOXELS) for kind in ("list", "double", "slice", "negative", "nothing", "by volume")),
        (Weighs("random"), "test_the_same_case_has_the_same_weights"),
        (Weighs("marks"), "test_the_case_stays_as_it_is"),
        *((Steps(kind), OF_GRID) for kind in ("list", "numbers", "slice")),
        (Steps("random"), "test_the_same_prediction_gives_the_same_mask"),
        (Steps("fills"), "test_mask_and_probability_stay_as_they_are"),
        *((Changes(kind), OF_SHAPE) for kind in ("list", "lost", "cropped", "double", "infinite")),
        (Changes("between"), "test_labels_and_weights_have_values_that_they_had"),
        (Changes("its own"), "test_the_state_of_torch_s_generator_repeats_it"),
        (Changes("never"), "test_another_draw_gives_other_images"),
        (Changes("in place"), "test_nothing_is_changed_in_place"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_breaks_a_contract_fails(component, test):
    with pytest.raises(AssertionError):
        getattr(contract_of(component), test)()
