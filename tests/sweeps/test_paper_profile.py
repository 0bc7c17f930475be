"""One fold of the paper's profile from raw scans to scores, so that nothing of it is first tried on a user's GPU.

The arm is that of the sweep `final`. Less than in the profile are the cases, three phantoms of 20 slices of 512 x 512
pixels (two levels of overlapping patches), the epochs (one), and the patches (as many as make one batch).
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hemosweep.ablation.catalogue import find_sweep
from hemosweep.data.manifest import read_manifest
from hemosweep.data.nifti import read_volume
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.model.checkpoint import load_checkpoint
from hemosweep.phantom.sizes import SIZES
from hemosweep.phantom.writer import write_phantom
from hemosweep.preprocessing.cache import preprocess
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import profile
from hemosweep.training.fold_run import centres_seed, derive_seed, draw_fold_centres
from tests.fold_runs import run_fold

# It took three to four minutes on two shared CPU cores, two thirds of them for the test case.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoldRun:
    data: Path
    spec: FoldRunSpec
    folder: Path

    def event(self, name: str) -> dict[str, object]:
        (found,) = (event for event in read_journal(self.folder / "events.jsonl") if event["event"] == name)
        return found


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldRun:
    """Trained on the first two phantoms, validated on the second once more, tested on the third."""
    folder = tmp_path_factory.mktemp("paper")
    data = folder / "data"
    with pytest.MonkeyPatch.context() as patch:
        # With blood in every ventricle, there are hyperdense voxels beside the lesion to draw patches from.
        patch.setitem(SIZES, "paper", replace(SIZES["paper"], shape_DHW=(20, 512, 512)))
        write_phantom(data, num_cases=3, size="paper", seed=0, ivh_share=1.0, cta_share=0.0)
    base = profile("paper").config
    base = replace(
        base,
        sampling=replace(base.sampling, num_patches_per_case=base.training.batch_size // 2),
        training=replace(base.training, max_epochs=1),
    )
    (arm,) = find_sweep("final").select(base, ("final",))
    cases = read_manifest(data)
    of_arm = arm.config.preprocessing
    outcome = preprocess(cases, {of_arm: folder / "preprocessed"}, jobs=1, progress=lambda done, total: None)[of_arm]
    assert outcome.failures == {}
    first, second, third = (
        CaseInput(case_id=case.case_id, ivh=case.ivh_text, path=str(outcome.paths[case.case_id])) for case in cases
    )
    spec = FoldRunSpec(
        digest="paper", config=arm.config, seed=0, fold=0, train=(first, second), validation=(second,), test=(third,)
    )
    run = folder / "run"
    run.mkdir()
    num_threads = torch.get_num_threads()
    run_fold(spec, run, Journal(run / "events.jsonl"))
    torch.set_num_threads(num_threads)
    return FoldRun(data=data, spec=spec, folder=run)


def test_one_training_step_of_full_width_has_a_finite_loss_and_moves_every_weight(fold: FoldRun) -> None:
    config = fold.spec.config
    assert (config.network.width, config.training.batch_size) == (64, 64)
    assert config.sampling.patch_HWD == (32, 32, 16)
    assert (config.preprocessing.symmetric, config.sampling.restriction) == ("plane", restriction("lesion|hyperdense"))
    drawn = [
        draw_fold_centres(load_preprocessed(Path(case.path)), config, centres_seed(fold.spec))
        for case in fold.spec.train
    ]
    # The blood in the ventricles of either case, 3.4 mL, takes all of its share.
    assert [centres.counts for centres in drawn] == 2 * [{"lesion": 16, "lesion_border": 8, "hyperdense": 8}]
    epoch = fold.event("epoch")
    assert np.isfinite([epoch[name] for name in ("train_loss", "val_loss", "val_dsc")]).all()
    torch.manual_seed(derive_seed(0, fold.spec.test[0].case_id, "weights"))
    before = config.network.build(in_channels=2)
    assert sum(weights.numel() for weights in before.parameters()) == 2_263_042
    after = load_checkpoint(fold.folder / "weights.pt", fold.spec.digest)["best"]
    assert [name for name, weights in before.named_parameters() if torch.equal(weights, after[name])] == []


def test_the_test_case_is_segmented_on_the_scanners_grid_and_scored(fold: FoldRun) -> None:
    (scores,) = json.loads((fold.folder / "scores.json").read_text())["rows"]
    case_id = scores["case_id"]
    prediction = read_volume(fold.folder / "predictions" / f"{case_id}.nii.gz")
    ct = read_volume(fold.data / case_id / "ct" / f"{case_id}_ct.nii.gz")
    assert prediction.array_DHW.shape == ct.array_DHW.shape == (20, 512, 512)
    assert np.array_equal(prediction.affine, ct.affine)
    assert set(np.unique(prediction.array_DHW)) <= {0, 1}
    assert scores["predicted_ml"] == pytest.approx(prediction.array_DHW.sum() * ct.voxel_ml)
    assert scores["reference_ml"] > 0.0
    assert 0.0 <= scores["dsc"] <= 1.0
    assert json.loads((fold.folder / "done.json").read_text())["digest"] == "paper"
