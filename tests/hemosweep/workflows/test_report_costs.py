"""Arms that differ in cost, by their recorded configurations."""

from dataclasses import replace

import pytest

from hemosweep.config import ArmConfig, config_as_dict
from hemosweep.model.losses.focal import Focal
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.workflows.reporting.costs import differ_in_cost
from hemosweep.workflows.reporting.source import ReportSource
from tests.recorded import SMALL, cases, in_memory

BASE = ArmConfig()


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (replace(BASE, network=SEUNet3D(se=False)), True),
        (replace(BASE, sampling=replace(BASE.sampling, patch_HWD=(24, 24, 8))), True),
        (replace(BASE, preprocessing=replace(BASE.preprocessing, symmetric="plane")), True),
        (replace(BASE, training=replace(BASE.training, loss=Focal())), False),
        (None, False),
    ],
    ids=["network", "patch", "channels", "loss", "no configuration"],
)
def test_arms_differ_in_cost_by_network_patch_and_channels(tmp_path, other, differs):
    configs = {"s/a@0": config_as_dict(BASE), "s/b@0": {} if other is None else config_as_dict(other)}
    store = in_memory(dict.fromkeys(configs, cases(SMALL)), configs=configs)
    if other is None:
        configs = {run.run_id: config_as_dict(BASE) for run in store.runs[:1]}
        store = replace(store, configs=configs)
    chosen = {run.arm: (run,) for run in store.runs}
    assert differ_in_cost(ReportSource(tmp_path, None, store), chosen) is differs
