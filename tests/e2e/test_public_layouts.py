"""Each public layout on its way to a trained arm: import, check, preprocess and sweep, as a user types them."""

import json

import numpy as np
import pytest

from hemosweep.phantom.case import make_phantom
from tests import layouts
from tests.layouts import IPH, IVH, SourceCase

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LAYOUTS = {
    "import-ct-ich": layouts.write_ct_ich,
    "import-instance": layouts.write_instance,
    "import-bhsd": layouts.write_bhsd,
    "import-mbh-seg": layouts.write_mbh_seg,
    "import-cq500": layouts.write_cq500,
    "import-hemseg": layouts.write_hemseg,
    "import-nnunet": layouts.write_nnunet,
}


@pytest.fixture(scope="module")
def cases():
    """Seven phantom heads, some of them with intraventricular hemorrhage."""

    def case(index):
        phantom = make_phantom(index, size="small", seed=5, ivh_share=0.2, cta_share=0.0)
        labels_DHW = IPH * phantom.lesion.array_DHW
        if phantom.ivh is not None:
            labels_DHW = np.where(phantom.ivh.array_DHW > 0, IVH, labels_DHW)
        return SourceCase(ct=phantom.ct, labels_DHW=labels_DHW.astype(np.uint8))

    return [case(index) for index in range(7)]


@pytest.mark.parametrize("command", LAYOUTS)
def test_a_folder_in_a_public_layout_becomes_a_trained_arm(run, cases, tmp_path, command):
    source, data, out = LAYOUTS[command](tmp_path / "source", cases), tmp_path / "data", tmp_path / "runs"
    imported = run("data", command, source, data)
    assert imported.returncode == 0, imported.stderr
    assert "imported 7 cases" in imported.stdout
    checked = run("data", "check", data, "--json")
    assert checked.returncode == 0, checked.stdout
    report = json.loads(checked.stdout)
    assert (report["num_cases"], report["num_trainable"], report["num_errors"]) == (7, 7, 0)
    prepared = run("preprocess", data, "--profile", "demo", "--preview", "--out", out)
    assert prepared.returncode == 0, prepared.stderr
    assert "7 of 7 cases are prepared" in prepared.stdout
    options = ("--data", data, "--profile", "demo", "--folds", 2, "--arms", "24x24x8", "--out", out, "--json")
    trained = run("sweep", "patchsize", *options)
    assert trained.returncode == 0, trained.stderr
    (arm,) = json.loads(trained.stdout)["arms"]
    assert arm["dsc"] is not None
