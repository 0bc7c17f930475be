"""nnU-Net itself, version 2: planned, trained for two steps and validated on our export, then imported and compared.

Its package and PyTorch are gigabytes. HEMOSWEEP_NNUNET names the Python of an environment that has it; without that
the package `nnunetv2` is installed into an environment of its own, beside the lock, where a package index is at hand.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hemosweep.runs import find_run
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

NO_INDEX = re.compile(r"error sending request|network was disabled|timed out|client error \(Connect\)", re.I)
TRAINER = """
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class FewSteps(nnUNetTrainer):
    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict, device: torch.device):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 1, 2, 1
        self.batch_size = 2

    def perform_actual_validation(self, save_probabilities: bool = False):
        self.inference_allowed_mirroring_axes = None
        super().perform_actual_validation(save_probabilities)
"""


@pytest.fixture(scope="module")
def nnunet(tmp_path_factory):
    """Folder of nnU-Net's commands."""
    named = os.environ.get("HEMOSWEEP_NNUNET")
    if named:
        return Path(named).parent
    folder = tmp_path_factory.mktemp("nnunet")
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        pytest.skip("set HEMOSWEEP_NNUNET to a Python with nnunetv2; there is no uv beside this one to install it with")
    for command in (
        ("venv", "--python", sys.executable, folder),
        ("pip", "install", "--python", folder / "bin" / "python", "nnunetv2>=2.8"),
    ):
        done = subprocess.run([uv, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0 and (reason := NO_INDEX.search(done.stderr)):
            pytest.skip(f"nnunetv2 cannot be installed, no package index can be reached (uv: {reason.group()})")
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_nnunet_trains_on_our_folds_and_is_compared_with_our_arms(nnunet, study, run, tmp_path):
    raw, results, out = tmp_path / "raw", tmp_path / "results", shutil.copytree(study.out, tmp_path / "runs")
    exported = run("data", "export-nnunet", study.data, "--to", raw, "--folds", 2)
    assert exported.returncode == 0, exported.stderr
    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "few_steps.py").write_text(TRAINER)
    environment = {
        **os.environ,
        "nnUNet_raw": str(raw),
        "nnUNet_preprocessed": str(tmp_path / "preprocessed"),
        "nnUNet_results": str(results),
        "nnUNet_extTrainer": str(tmp_path / "trainers"),
        "nnUNet_compile": "f",
        "nnUNet_def_n_proc": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",  # Threads of a busy machine wait for each other.
    }

    def call(command, *arguments, workers):
        done = subprocess.run(
            [nnunet / command, *map(str, arguments)],
            env=environment | {"nnUNet_n_proc_DA": str(workers)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    planning = ("-d", 501, "-c", "2d", "-np", 1, "-npfp", 1, "--verify_dataset_integrity")
    call("nnUNetv2_plan_and_preprocess", *planning, workers=1)
    for fold in range(2):
        told = call("nnUNetv2_train", 501, "2d", fold, "-tr", "FewSteps", "-device", "cpu", workers=0)
        assert "The split file contains 2 splits." in told
    folder = results / "Dataset501_hemosweep" / "FewSteps__nnUNetPlans__2d"
    options = ("--name", "nnunet", "--sweep", "patchsize", "--data", study.data, "--out", out)
    imported = run("import-results", folder, *options, "--tool-version", "2", "--json")
    # Its own DSC is ours to the last digit: same masks, same grid.
    assert (imported.returncode, imported.stderr.count("warning")) == (0, 0), imported.stderr
    assert json.loads(imported.stdout)["num_cases"] == 6
    compared = run("compare", "patchsize/24x24x8", "patchsize/nnunet", "--out", out, "--json")
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["n"] == 6
    reported = run("report", "patchsize", "--out", out, "--data", study.data, "--to", tmp_path / "report")
    assert reported.returncode == 0, reported.stderr
    assert "nnU-Net 2, FewSteps" in (tmp_path / "report" / "index.html").read_text()
    # The fold runs are the truth: without the store, the same sweep brings all back, and trains nothing.
    before = find_run(MlflowStore(out), "patchsize/nnunet")
    database_path(out).unlink()
    again = run(*study.command("--json", out=out))
    assert again.returncode == 0, again.stderr
    after = find_run(MlflowStore(out), "patchsize/nnunet")
    assert (after.digest, after.dsc_mean) == (before.digest, before.dsc_mean)
    pairs = [(pair["a"], pair["b"]) for pair in json.loads(again.stdout)["comparisons"]]
    assert ("24x24x8", "nnunet") in pairs
