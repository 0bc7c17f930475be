from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hemosweep.ablation.sweep import Arm
from hemosweep.config import ArmConfig, PreprocessingConfig, SamplingConfig, TrainingConfig
from hemosweep.engine.plan import Replicate
from hemosweep.foldrun.journal import Journal
from hemosweep.foldrun.spec import CaseInput, FoldRunSpec
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.preprocessing.grid import Grid
from hemosweep.preprocessing.record import PreprocessedCase, save_preprocessed
from hemosweep.report import study_figures as study
from hemosweep.report.study_figures import SweepFigures, median_case, training_centres
from hemosweep.sampling.restriction import restriction
from hemosweep.training import fold_run
from tests.fold_runs import run_fold

SHAPE_DHW = (8, 12, 12)
CONFIG = ArmConfig(
    sampling=SamplingConfig(patch_HWD=(4, 4, 4), num_patches_per_case=20),
    network=SEUNet3D(width=2),
    training=TrainingConfig(batch_size=4, max_epochs=1),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Saved cases a to e; the lesion of each is a slice thicker than that of the one before."""
    folder = tmp_path_factory.mktemp("cases")
    for number, name in enumerate("abcde"):
        lesion_DHW = np.zeros(SHAPE_DHW, dtype=bool)
        lesion_DHW[1 : 2 + number, 3:7, 3:7] = True
        case = PreprocessedCase(
            case_id=name,
            image_CDHW=np.where(lesion_DHW, 0.5, -0.5)[None].astype(np.float16),
            brain_DHW=np.ones(SHAPE_DHW, dtype=bool),
            lesion_DHW=lesion_DHW,
            reference_DHW=lesion_DHW,
            affine=np.eye(4),
            spacing_DHW_mm=(5.0, 5.0, 5.0),
            native_spacing_DHW_mm=(5.0, 5.0, 5.0),
            grid=Grid(native_DHW=SHAPE_DHW, full_DHW=SHAPE_DHW, crop_start_DHW=(0, 0, 0), crop_DHW=SHAPE_DHW),
        )
        save_preprocessed(case, folder / f"{name}.npz")
    return folder


@pytest.fixture
def make_spec(inputs):
    def make(config=CONFIG, seed=0, train="abc", validation="d", test="e"):
        parts = [
            tuple(CaseInput(case_id=name, ivh="no", path=str(inputs / f"{name}.npz")) for name in names)
            for names in (train, validation, test)
        ]
        return FoldRunSpec(
            digest="d", config=config, seed=seed, fold=0, train=parts[0], validation=parts[1], test=parts[2]
        )

    return make


@pytest.mark.parametrize("seed", [0, 7])
def test_shown_centres_are_those_that_the_fold_run_trains_on(tmp_path, monkeypatch, make_spec, seed):
    drawn = {}

    def spy(case, *args):
        drawn[case.case_id] = original(case, *args)
        return drawn[case.case_id]

    class Trained(Exception):
        pass

    def train(*_, **__):
        raise Trained

    original = fold_run.draw_case_centres
    monkeypatch.setattr(fold_run, "draw_case_centres", spy)
    monkeypatch.setattr(fold_run, "train", train)
    spec = make_spec(seed=seed, test="de", validation="c", train="ab")
    with pytest.raises(Trained):
        run_fold(spec, tmp_path, Journal(tmp_path / "events.jsonl"))
    case, centres = training_centres(spec, "b")
    assert case.case_id == "b"
    assert centres.counts == drawn["b"].counts
    np.testing.assert_array_equal(centres.index_N, drawn["b"].index_N)


@pytest.mark.parametrize(
    ("train", "volumes", "expected"),
    [
        ("abc", {"a": 9.0, "b": 1.0, "c": 5.0, "d": 6.0, "e": 7.0}, "c"),
        ("abcd", {"a": 9.0, "b": 1.0, "c": 5.0, "d": 6.0, "e": 7.0}, "c"),
        ("abc", {"c": 2.0, "b": 2.0, "a": 2.0, "e": 0.0}, "b"),
        ("abc", {"d": 2.0, "e": 1.0}, "a"),
    ],
    ids=["odd", "even takes the lower", "ties by id", "the first where none was tested"],
)
def test_the_shown_case_is_the_median_of_the_training_cases_by_volume(make_spec, train, volumes, expected):
    cases = pd.DataFrame([{"case_id": name, "reference_ml": volume} for name, volume in volumes.items()])
    assert median_case(make_spec(train=train).train, cases) == expected


OWN = {"best.png", "centres.png", "windows.png", "network.png"}


@pytest.fixture
def drawn(monkeypatch):
    """Paths of the centres and pairs that are drawn, in order, without drawing anything."""
    paths: list[Path] = []
    monkeypatch.setattr(study, "draw_centres", lambda case, centres, patch_DHW, path, **_: paths.append(path))
    monkeypatch.setattr(study, "draw_windows", lambda *_, **__: None)
    monkeypatch.setattr(study, "draw_network", lambda *_, **__: None)
    monkeypatch.setattr(study, "draw_pair", lambda a, b, raw_cases, path, **_: paths.append(path))
    monkeypatch.setattr(
        study, "draw_replicate", lambda name, cases, raw_cases, folders, folder, **_: {"best.png": folder / "best.png"}
    )
    return paths


@pytest.fixture
def end(make_spec):
    """Figures of a sweep when an arm ends: artifact name to path."""

    def end(figures, arm, dsc, *, config=CONFIG, seed=0, run_name=None):
        replicate = Replicate(
            arm=Arm(name=arm, params={}, config=config),
            seed=seed,
            run_name=run_name or arm,
            fold_runs=(make_spec(config, seed),),
        )
        rows = [
            {"case_id": name, "dsc": dsc, "fold": 0, "ivh": "no", "reference_ml": place}
            for place, name in enumerate("abcde")
        ]
        return figures(replicate, pd.DataFrame(rows))

    return end


def test_arms_that_draw_the_same_centres_share_one_picture(tmp_path, drawn, end):
    figures = SweepFigures("symmetric", (), (), tmp_path)
    symmetric = replace(CONFIG, preprocessing=PreprocessingConfig(symmetric="plane"))
    restricted = replace(CONFIG, sampling=replace(CONFIG.sampling, restriction=restriction("brain")))
    paths = [
        end(figures, "lesion", 0.5)["centres.png"],
        end(figures, "lesion/symmetric", 0.6, config=symmetric)["centres.png"],
        end(figures, "brain", 0.6, config=restricted)["centres.png"],
        end(figures, "lesion", 0.5, seed=1, run_name="lesion@1")["centres.png"],
    ]
    folder = tmp_path / "figures" / "symmetric"
    assert paths == [folder / arm / "centres.png" for arm in ("lesion", "lesion", "brain", "lesion@1")]
    assert drawn == [paths[0], paths[2], paths[3]]


def test_a_declared_pair_is_drawn_when_its_second_arm_has_ended(tmp_path, drawn, end):
    figures = SweepFigures("symmetric", [("lesion", "lesion/symmetric"), ("lesion", "a|b")], (), tmp_path)
    assert set(end(figures, "lesion/symmetric", 0.6)) == OWN
    with_lesion = end(figures, "lesion", 0.5)
    assert set(with_lesion) == {*OWN, "lesion-vs-lesion__symmetric.png"}
    last = end(figures, "a|b", 0.7)
    assert set(last) == {*OWN, "lesion-vs-a_or_b.png"}
    assert last["best.png"] == tmp_path / "figures" / "symmetric" / "a_or_b" / "best.png"
    assert last["lesion-vs-a_or_b.png"] == tmp_path / "figures" / "symmetric" / "lesion-vs-a_or_b.png"


def test_pairs_join_arms_of_one_seed_that_differ_in_a_score(tmp_path, drawn, end):
    figures = SweepFigures("se", [("unet", "se_unet")], (), tmp_path)
    end(figures, "unet", 0.5, seed=0, run_name="unet@0")
    assert set(end(figures, "se_unet", 0.9, seed=1, run_name="se_unet@1")) == OWN
    assert set(end(figures, "se_unet", 0.5, seed=0, run_name="se_unet@0")) == OWN
    assert "unet@1-vs-se_unet@1.png" in end(figures, "unet", 0.5, seed=1, run_name="unet@1")


def test_arms_of_one_network_and_of_the_same_windows_share_their_pictures(tmp_path, drawn, end):
    figures = SweepFigures("se", (), (), tmp_path)
    plain = replace(CONFIG, network=replace(CONFIG.network, se=False))
    larger = replace(CONFIG, sampling=replace(CONFIG.sampling, patch_HWD=(8, 8, 4)))
    symmetric = replace(CONFIG, preprocessing=PreprocessingConfig(symmetric="plane"))
    ended = {
        name: end(figures, name, 0.5, config=config)
        for name, config in {"se": CONFIG, "unet": plain, "larger": larger, "two": symmetric}.items()
    }
    assert [ended[name]["windows.png"].parent.name for name in ended] == ["se", "se", "larger", "se"]
    assert [ended[name]["network.png"].parent.name for name in ended] == ["se", "unet", "larger", "two"]


def test_a_case_with_ivh_is_shown_where_that_is_wanted_and_there_is_one(make_spec):
    listed = [replace(case, ivh="yes" if case.case_id in "bd" else "no") for case in make_spec(train="abcd").train]
    cases = pd.DataFrame(
        [{"case_id": name, "reference_ml": volume} for name, volume in zip("abcd", range(4), strict=True)]
    )
    assert median_case(listed, cases) == "b"
    assert median_case(listed, cases.assign(reference_ml=[3, 2, 1, 4]), with_ivh=True) == "b"
    assert median_case(listed[:1], cases, with_ivh=True) == "a"


def test_the_centres_of_the_hyperdense_region_are_shown_on_a_case_with_ivh(tmp_path, make_spec, monkeypatch):
    titles = []
    monkeypatch.setattr(study, "draw_centres", lambda *_, title, **__: titles.append(title))
    spec = make_spec(
        replace(CONFIG, sampling=replace(CONFIG.sampling, restriction=restriction("lesion|hyperdense"))), 0
    )
    spec = replace(spec, train=tuple(replace(case, ivh="yes" if case.case_id == "a" else "no") for case in spec.train))
    replicate = Replicate(arm=Arm(name="x", params={}, config=spec.config), seed=0, run_name="x", fold_runs=(spec,))
    table = pd.DataFrame([{"case_id": name, "reference_ml": place} for place, name in enumerate("abcde")])
    SweepFigures("s", (), (), tmp_path)._draw_centres(replicate, table)
    assert titles[0].startswith("a (IVH): 20 patch centres, restriction lesion_border 0.3 + hyperdense 0.3")
