"""Facts of a report about the final configuration: shapes and times."""

import math
import shutil

import numpy as np
import pytest

from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.data.case import Case
from hemosweep.data.nifti import Volume, write_volume
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import JOURNAL_NAME, write_json
from hemosweep.preprocessing.preparation_time import write_seconds
from hemosweep.report.document.facts import Times
from hemosweep.tracking.database import database_path
from hemosweep.workflows.report import make_report
from hemosweep.workflows.reporting.final import lesion_shape, mean_times
from tests.recorded import MIDDLE, SMALL, Book, cases


@pytest.fixture
def masked_case(tmp_path):
    """A case with a voxel of the value 1 and two of the value 2, of 2 x 2 x 2 mm."""
    mask_DHW = np.zeros((6, 8, 8), dtype=np.uint8)
    mask_DHW[2, 3, 3] = 1
    mask_DHW[4, 6, 5:7] = 2
    path = tmp_path / "mask.nii.gz"
    write_volume(path, Volume(array_DHW=mask_DHW, affine=np.diag([2.0, 2.0, 2.0, 1.0])))
    return Case(case_id="a", patient_id="P", ivh=False, ct_path=path, lesion_path=path)


def test_the_shape_is_that_of_the_lesions_own_value(masked_case):
    one, two = lesion_shape(masked_case, None), lesion_shape(masked_case, 2)
    assert (one.volume_ml, two.volume_ml) == (pytest.approx(0.008), pytest.approx(0.016))
    # One voxel is an octahedron with the volume of a cube (test_shape.py); two in a row are less compact.
    assert one.sphericity == pytest.approx(math.pi ** (1 / 3) * 6 ** (2 / 3) / math.sqrt(3))
    assert two.sphericity < one.sphericity
    with pytest.raises(BadInput, match="case a: mask mask\\.nii\\.gz is empty"):
        lesion_shape(masked_case, 3)


def test_times_are_means_over_fold_runs_an_epoch_that_was_trained_again_counts_once(tmp_path):
    losses = {"train_loss": 1.0, "val_loss": 1.0, "val_dsc": 0.5}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, test in zip(folders, ("ab", "c"), strict=True):
        folder.mkdir()
        write_json(folder / "spec.json", {"test": [{"path": str(tmp_path / f"{name}.npz")} for name in test]})
    first, second = (Journal(folder / JOURNAL_NAME) for folder in folders)
    first.write("epoch", epoch=1, seconds=90.0, **losses)
    first.write("epoch", epoch=1, seconds=2.0, **losses)
    first.write("epoch", epoch=2, seconds=3.0, **losses)
    first.write("tested", case_id="a", dsc=0.5, seconds=0.5)
    second.write("epoch", epoch=1, seconds=4.0, **losses)
    second.write("tested", case_id="c", dsc=0.5, seconds=1.5)
    assert mean_times(folders) == Times(epoch_s=3.0, case_s=1.0)
    write_seconds(tmp_path / "a.npz", 10.0)
    write_seconds(tmp_path / "c.npz", 20.0)
    assert mean_times(folders).preparation_s == 15.0
    assert mean_times([]) == Times()


@pytest.fixture
def out(migrated_database, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copyfile(migrated_database, database_path(folder))
    book = Book(folder)
    for arm, scores in (("unet", SMALL), ("final", MIDDLE)):
        book.write(f"final/{arm}@0", cases(scores), config=config_as_dict(ArmConfig()))
    return folder


def test_without_journals_and_data_a_report_of_the_final_configuration_says_what_is_not_known(out, tmp_path):
    make_report(out, ["final"], to=tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| Segmentation, seconds a patient | 17 | – |" in text
    assert "Without the data set of the runs (--data) the lesions" in text.replace("\\", "")
    assert "| abstract | final | unet → final | \\+0.097 |" in text
    assert "small lesions" not in text
