"""A fold run for a GPU: small enough for seconds, wide enough that sums are shared out among many threads.

These tests run on a machine with PyTorch, numpy and scipy alone: `python -m pytest tests/gpu --confcutdir=tests/gpu`.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hemosweep.config import ArmConfig, ModelConfig, SamplingConfig, TrainingConfig
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase, save_preprocessed
from hemosweep.training.spec import CaseInput, FoldRunSpec

SHAPE_DHW = (12, 48, 48)
CASE_IDS = ("a", "b", "c", "d")


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/gpu" in item.path.as_posix():
            item.add_marker(pytest.mark.gpu)
            # PyTorch warns of what is new or a prototype in one of its releases and not in others.
            item.add_marker(pytest.mark.filterwarnings("default"))
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def make_case(case_id):
    """A bright ball in noisy brain, at another place in every case."""
    rng = np.random.default_rng(CASE_IDS.index(case_id))
    z, y, x = np.ogrid[tuple(slice(size) for size in SHAPE_DHW)]
    middle = [int(rng.integers(size // 3, size - size // 3)) for size in SHAPE_DHW]
    away = ((z - middle[0]) / 3) ** 2 + ((y - middle[1]) / 8) ** 2 + ((x - middle[2]) / 8) ** 2
    lesion_DHW = away < 1
    brain_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    brain_DHW[:, 3:-3, 3:-3] = True
    image_DHW = np.where(lesion_DHW, 0.6, 0.0) + rng.normal(0.0, 0.2, SHAPE_DHW)
    image_DHW = np.where(brain_DHW, image_DHW.clip(-1.0, 1.0), -1.0)
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_DHW,
        lesion_DHW=lesion_DHW,
        reference_DHW=lesion_DHW,
        affine=np.eye(4),
        spacing_DHW_mm=(5.0, 1.0, 1.0),
        native_spacing_DHW_mm=(5.0, 1.0, 1.0),
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )


@pytest.fixture(scope="session")
def gpu_spec(tmp_path_factory):
    """Cases a and b train, c validates, d is tested; keyword arguments are those of the training's configuration."""
    folder = tmp_path_factory.mktemp("preprocessed")
    for case_id in CASE_IDS:
        save_preprocessed(make_case(case_id), folder / f"{case_id}.npz")

    def part(case_ids):
        return tuple(CaseInput(case_id=name, ivh="no", path=str(folder / f"{name}.npz")) for name in case_ids)

    def make(*, num_patches=64, width=16, **training):
        config = ArmConfig(
            sampling=SamplingConfig(patch_HWD=(16, 16, 8), num_patches_per_case=num_patches),
            model=ModelConfig(width=width),
            training=replace(TrainingConfig(batch_size=16, max_epochs=4), **training),
        )
        return FoldRunSpec(
            digest="gpu", config=config, seed=0, fold=0, train=part("ab"), validation=part("c"), test=part("d")
        )

    return make
