"""A fold run that trains in milliseconds: five cases of 8 x 12 x 12 voxels, a network two channels wide."""

from dataclasses import replace

import numpy as np
import pytest

from hemosweep.config import ArmConfig, InferenceConfig, SamplingConfig, TrainingConfig
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase, save_preprocessed
from tests.shared import processors

SHAPE_DHW = (8, 12, 12)
CASE_IDS = ("a", "b", "c", "d", "e")


def _case(case_id):
    """A cube of 4 x 4 x 4 bright lesion voxels in noisy brain, at another place in every case."""
    rng = np.random.default_rng(CASE_IDS.index(case_id))
    z, y, x = (int(rng.integers(1, size - 5)) for size in SHAPE_DHW)
    lesion_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    lesion_DHW[z : z + 4, y : y + 4, x : x + 4] = True
    brain_DHW = np.zeros(SHAPE_DHW, dtype=bool)
    brain_DHW[:, 1:-1, 1:-1] = True
    image_DHW = np.where(lesion_DHW, 0.6, 0.0) + rng.normal(0.0, 0.2, SHAPE_DHW)
    image_DHW = np.where(brain_DHW, image_DHW.clip(-1.0, 1.0), -1.0)
    return PreprocessedCase(
        case_id=case_id,
        image_CDHW=image_DHW[None].astype(np.float16),
        brain_DHW=brain_DHW,
        lesion_DHW=lesion_DHW,
        reference_DHW=lesion_DHW,
        affine=np.diag([10.0, 10.0, 10.0, 1.0]),
        spacing_DHW_mm=(10.0, 10.0, 10.0),
        native_spacing_DHW_mm=(10.0, 10.0, 10.0),
        grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
    )


@pytest.fixture(scope="session")
def tiny_inputs(tmp_path_factory):
    """Case id to the file of the preprocessed case."""
    folder = tmp_path_factory.mktemp("preprocessed")
    paths = {case_id: folder / f"{case_id}.npz" for case_id in CASE_IDS}
    for case_id, path in paths.items():
        save_preprocessed(_case(case_id), path)
    return paths


@pytest.fixture(scope="session")
def tiny_config():
    def make(**training):
        return ArmConfig(
            sampling=SamplingConfig(patch_HWD=(4, 4, 4), num_patches_per_case=8),
            network=SEUNet3D(width=2),
            # 75 windows a case; with the paper's overlap such patches make 144.
            inference=InferenceConfig(overlap=0.4),
            training=replace(TrainingConfig(batch_size=4, max_epochs=5), **training),
        )

    return make


@pytest.fixture(scope="session")
def tiny_spec(tiny_inputs, tiny_config):
    """Cases a and b train, c validates, d and e are tested."""

    def make(*, digest="tiny", seed=0, fold=0, train="ab", validation="c", test="de", **training):
        def part(case_ids):
            return tuple(CaseInput(case_id=name, ivh="no", path=str(tiny_inputs[name])) for name in case_ids)

        return FoldRunSpec(
            digest=digest,
            config=tiny_config(**training),
            seed=seed,
            fold=fold,
            train=part(train),
            validation=part(validation),
            test=part(test),
        )

    return make


@pytest.fixture(scope="module")
def one_processor():
    """Children train with one thread: on a busy machine two of them mostly wait for each other."""
    with processors(1):
        yield
