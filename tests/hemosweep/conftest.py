"""A fold run that trains in milliseconds: five cases of 8 x 12 x 12 voxels, a network two channels wide."""

from dataclasses import replace

import pytest

from hemosweep.config import ArmConfig, InferenceConfig, SamplingConfig, TrainingConfig
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.preprocessing.record import save_preprocessed
from hemosweep.testing.fold_runs import CASE_IDS, tiny_case
from tests.shared import processors


@pytest.fixture(scope="session")
def tiny_inputs(tmp_path_factory):
    """Case id to the file of the preprocessed case."""
    folder = tmp_path_factory.mktemp("preprocessed")
    paths = {case_id: folder / f"{case_id}.npz" for case_id in CASE_IDS}
    for case_id, path in paths.items():
        save_preprocessed(tiny_case(case_id), path)
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
