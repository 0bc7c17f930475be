"""An arm's fold ensemble becomes a version of a model, which segments as the run does, bit for bit, or is refused."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from hemosweep.components.project import finder
from hemosweep.config import PreprocessingConfig
from hemosweep.digest import digest_json
from hemosweep.errors import BadInput
from hemosweep.foldrun.journal import Journal
from hemosweep.identity.stages import Code
from hemosweep.phantom.writer import write_phantom
from hemosweep.prediction.model_files import CARD_NAME, MODEL_NAME
from hemosweep.tracking.database import database_path
from hemosweep.tracking.registry import TAG_MODEL
from hemosweep.tracking.store import open_store
from hemosweep.workflows.predict import predict_scans
from hemosweep.workflows.promote import promote
from tests.fold_runs import run_fold
from tests.mlflow_servers import mlflow_server
from tests.recorded import SMALL, Book, cases

# Networks are trained and a scan is prepared anew for each prediction: tests/hemosweep/prediction has what is fast.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DIGESTS = ("fold-0", "fold-1")
LAB = """
from dataclasses import dataclass
from hemosweep.model.networks.se_unet import SEUNet3D

@dataclass(frozen=True)
class Plain:
    width: int = 2

    @property
    def patch_multiple(self):
        return SEUNet3D(width=self.width).patch_multiple

    def build(self, *, in_channels):
        return SEUNet3D(width=self.width).build(in_channels=in_channels)
"""


@dataclass
class Study:
    """A folder with two recorded arms: `s/a` of hemosweep's network, and `lab/a` of one in `project`; and a scan."""

    out: Path
    scan: Path
    project: Path

    def predict(self, to, **options):
        (found,) = predict_scans(self.out, self.scan, to=to, **options).predictions.values()
        return found

    def folder_of(self, version, name="hemosweep-s-a"):
        tags = open_store(self.out).client.get_model_version(name, version).tags
        (folder,) = self.out.glob(f"artifacts/*/*/artifacts/models/{tags[TAG_MODEL][:16]}")
        return folder


@pytest.fixture(scope="module")
def study(tiny_spec, migrated_database, tmp_path_factory):
    out, project = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("project")
    shutil.copyfile(migrated_database, database_path(out))
    (project / "plain_net.py").write_text(LAB)
    book = Book(out)
    preprocessing = PreprocessingConfig(spacing_HWD_mm=(8.0, 8.0, 8.0))
    network = finder(project)("plain_net.Plain")()
    theirs = {"project": str(project), "project_source": Code(project=project).of_project(["plain_net.Plain"])}
    for sweep, changes, more in (("s", {}, {}), ("lab", {"network": network}, theirs)):
        folders = {}
        for fold, split in enumerate(("abcde", "decab")):
            digest = f"{sweep}-{DIGESTS[fold]}"
            spec = tiny_spec(
                fold=fold, digest=digest, train=split[:2], validation=split[2], test=split[3:], max_epochs=1
            )
            config = replace(spec.config, preprocessing=preprocessing, **changes)
            spec = replace(spec, config=config, cohort=(("slice_mm", 1.0, 9.0),), **more)
            folders[digest] = out / "fold_runs" / digest
            spec.write(folders[digest])
            run_fold(spec, folders[digest], Journal(folders[digest] / "events.jsonl"))
        book.write(f"{sweep}/a@0", cases(SMALL), digest=digest_json(list(folders)))
        run_id = book.ids[f"{sweep}/a@0"]
        for fold, (digest, folder) in enumerate(folders.items()):
            book.recorder.record_fold(run_id, fold=fold, digest=digest, folder=folder)
    data = tmp_path_factory.mktemp("data") / "phantom"
    write_phantom(data, num_cases=1, size="demo", seed=3)
    scan = shutil.copy(data / "sub-001" / "ct" / "sub-001_ct.nii.gz", data.parent / "scan.nii.gz")
    return Study(out=out, scan=Path(scan), project=project)


@pytest.fixture(scope="module")
def promoted(study):
    """The first promotion; no test changes its files."""
    return promote(study.out, "s/a")


@pytest.fixture(scope="module")
def by_run(study, tmp_path_factory):
    """The scan as the run segments it."""
    return study.predict(tmp_path_factory.mktemp("to"), run="s/a")


def same(found, other):
    assert Path(found.mask).read_bytes() == Path(other.mask).read_bytes()
    values = [json.loads(Path(one.mask.replace(".nii.gz", ".json")).read_text()) for one in (found, other)]
    names = {"volume_ml", "abc2_ml", "max_probability", "unlike_cohort", "warnings"}
    assert [values[0][name] for name in names] == [values[1][name] for name in names]


def test_a_model_segments_a_scan_as_its_run_does_bit_for_bit(study, promoted, by_run, tmp_path):
    assert (promoted.name, promoted.version, promoted.alias, promoted.is_new) == ("hemosweep-s-a", "1", "current", True)
    by_alias = study.predict(tmp_path / "alias", model="hemosweep-s-a@current")
    by_version = study.predict(tmp_path / "version", model="hemosweep-s-a/1")
    same(by_alias, by_run)
    same(by_version, by_run)


def test_the_same_run_has_the_same_version_unless_a_new_one_is_wanted(study, promoted):
    again = promote(study.out, "s/a", alias="second")
    assert (again.version, again.is_new) == ("1", False)
    forced = promote(study.out, "s/a", alias="forced", again=True)
    assert (forced.version, forced.is_new) == ("2", True)
    assert forced.as_lines()[0] == (
        f"s/a@0: model hemosweep-s-a, version 2, is registered in {study.out}; alias forced"
    )


def test_a_model_has_weights_configuration_digests_and_a_card_and_no_case_and_no_place(study, promoted):
    folder = study.folder_of("1")
    assert sorted(path.name for path in folder.iterdir()) == [
        MODEL_NAME,
        CARD_NAME,
        "fold-0.safetensors",
        "fold-1.safetensors",
    ]
    assert all(np.isfinite(array).all() for array in load_file(folder / "fold-0.safetensors").values())
    card, record = (folder / CARD_NAME).read_text(), (folder / MODEL_NAME).read_text()
    version = open_store(study.out).client.get_model_version("hemosweep-s-a", "1")
    assert version.description == card
    for text in (
        "Not a medical device",
        "data set digest `data`",
        "| 0.675 |",
        "0.573 to 0.777",
        "slice step 1.00 to 9.00 mm",
        "Demo profile",
    ):
        assert text in card
    assert json.loads(record)["config"]["network"]["type"] == "hemosweep.model.networks.se_unet.SEUNet3D"
    for text in (card, record):
        assert "/tmp" not in text
        assert str(study.out) not in text


@pytest.mark.parametrize("file", [MODEL_NAME, CARD_NAME, "fold-1.safetensors"])
@pytest.mark.parametrize("change", ["changed", "gone"])
def test_a_model_that_was_changed_is_refused_with_the_files_name(study, promoted, tmp_path, file, change):
    path = study.folder_of("1") / file
    before = path.read_bytes()
    try:
        if change == "changed":
            path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        else:
            path.unlink()
        with pytest.raises(
            BadInput, match=rf"^model hemosweep-s-a version 1: its file {file} is (missing|not the one)"
        ):
            study.predict(tmp_path, model="hemosweep-s-a/1")
    finally:
        path.write_bytes(before)


def test_what_the_registry_has_not_is_told_with_what_it_has(study, promoted, tmp_path):
    for reference, told in (
        ("hemosweep-s-b@current", r"has no model 'hemosweep-s-b'; nearest: hemosweep-s-a"),
        ("hemosweep-s-a@best", r"has no hemosweep-s-a@best; the model has versions 1.*current"),
        ("hemosweep-s-a/77", r"has no hemosweep-s-a/77; the model has versions 1"),
        ("hemosweep-s-a", r"give NAME@ALIAS or NAME/VERSION"),
    ):
        with pytest.raises(BadInput, match=told):
            study.predict(tmp_path, model=reference)
    with pytest.raises(BadInput, match="alias"):
        promote(study.out, "s/a", alias="v 1")


def test_a_model_of_another_program_is_refused(study, promoted, tmp_path):
    client = open_store(study.out).client
    client.create_registered_model("other")
    client.create_model_version("other", "file:///nowhere")
    with pytest.raises(BadInput, match="model other/1 was not registered by hemosweep promote"):
        study.predict(tmp_path, model="other/1")


def test_a_labs_network_wants_its_project_with_the_very_code(study, tmp_path):
    promote(study.out, "lab/a")
    expected = study.predict(tmp_path / "run", run="lab/a")
    model = "hemosweep-lab-a@current"
    same(study.predict(tmp_path / "model", model=model, project=study.project), expected)
    with pytest.raises(BadInput, match=r"needs plain_net\.Plain, which is not hemosweep's; say with --project where"):
        study.predict(tmp_path / "none", model=model)
    other = shutil.copytree(study.project, tmp_path / "other")
    (other / "plain_net.py").write_text(LAB.replace("width: int = 2", "width: int = 3"))
    with pytest.raises(BadInput, match=r"the code of plain_net\.Plain is not the one that .* was trained with"):
        study.predict(tmp_path / "other code", model=model, project=other)


def test_one_of_run_and_model_is_wanted(study, tmp_path):
    with pytest.raises(BadInput, match="give either --run or --model"):
        study.predict(tmp_path)
    with pytest.raises(BadInput, match="--tracking says where a model is"):
        study.predict(tmp_path, run="s/a", tracking="http://127.0.0.1:1")


def test_a_model_on_a_server_segments_as_its_run_does(study, by_run, migrated_database, tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(migrated_database, database_path(folder))
    with mlflow_server(folder) as uri:
        first = promote(study.out, "s/a", to=uri, name="lesions", alias="champion")
        assert (first.version, first.place) == ("1", f"mlflow:{uri}")
        assert promote(study.out, "s/a", to=f"mlflow:{uri}", name="lesions", alias="champion").is_new is False
        same(study.predict(tmp_path / "to", model="lesions@champion", tracking=uri), by_run)
        (weights,) = (folder / "served").rglob("fold-0.safetensors")
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        with pytest.raises(BadInput, match=r"^model lesions version 1: its file fold-0\.safetensors is not the one"):
            study.predict(tmp_path / "to2", model="lesions@champion", tracking=uri)
