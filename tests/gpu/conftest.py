"""A fold run for a GPU: small enough for seconds, wide enough that sums are shared out among many threads.

These tests run on a machine with PyTorch, numpy and scipy alone: `python -m pytest tests/gpu --confcutdir=tests/gpu`.
"""

from dataclasses import replace

import pytest
import torch

from hemosweep.bench.cases import noise_case
from hemosweep.config import ArmConfig, SamplingConfig, TrainingConfig
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.preprocessing.record import save_preprocessed

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


@pytest.fixture(scope="session")
def gpu_spec(tmp_path_factory):
    """Cases a and b train, c validates, d is tested; keyword arguments are those of the training's configuration."""
    folder = tmp_path_factory.mktemp("preprocessed")
    for seed, case_id in enumerate(CASE_IDS):
        case = noise_case(case_id, native_DHW=SHAPE_DHW, crop_DHW=SHAPE_DHW, num_channels=1, seed=seed)
        save_preprocessed(case, folder / f"{case_id}.npz")

    def part(case_ids):
        return tuple(CaseInput(case_id=name, ivh="no", path=str(folder / f"{name}.npz")) for name in case_ids)

    def make(*, num_patches=64, width=16, **training):
        config = ArmConfig(
            sampling=SamplingConfig(patch_HWD=(16, 16, 8), num_patches_per_case=num_patches),
            network=SEUNet3D(width=width),
            training=replace(TrainingConfig(batch_size=16, max_epochs=4), **training),
        )
        return FoldRunSpec(
            digest="gpu", config=config, seed=0, fold=0, train=part("ab"), validation=part("c"), test=part("d")
        )

    return make
