import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hemosweep.data.nifti import read_volume
from hemosweep.errors import BadInput
from hemosweep.phantom.angiography import paint_vessels
from hemosweep.phantom.brain import BrainPoints, BrainTraits, make_brain
from hemosweep.phantom.case import PhantomCase, has_cta, has_ivh, make_phantom
from hemosweep.phantom.fields import model_grid
from hemosweep.phantom.head import make_head
from hemosweep.phantom.lesion import LESION_TYPES, LesionTraits, add_lesion, draw_lesion, draw_volume_ml, push_away
from hemosweep.phantom.scanner import ScanGrid, correlated_noise
from hemosweep.phantom.sizes import SIZES
from hemosweep.phantom.writer import write_phantom


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    """Four demo cases; the third bleeds into the ventricles."""
    return [make_phantom(index, size="small", seed=7) for index in range(4)]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_request_gives_the_same_bytes_whatever_the_jobs_and_the_number_of_cases(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    shares = {"ivh_share": 0.5, "cta_share": 0.5}  # the first case of two has both
    write_phantom(tmp_path / "a", num_cases=2, size="small", seed=5, progress=lambda *step: done.append(step), **shares)
    write_phantom(tmp_path / "b", num_cases=2, size="small", seed=5, jobs=2, **shares)
    write_phantom(tmp_path / "c", num_cases=1, size="small", seed=5, **shares)
    first, second, shorter = (_digests(tmp_path / name) for name in "abc")
    assert first == second
    images = {name: digest for name, digest in shorter.items() if name.endswith(".nii.gz")}
    assert len(images) == 4
    assert images.items() <= first.items()
    assert done == [(1, 2), (2, 2)]
    table = (tmp_path / "a" / "participants.tsv").read_text().splitlines()
    assert table[0].split("\t") == ["participant_id", "patient_id", "ivh", "centre", "lesion_type"]
    assert [line.split("\t")[:4] for line in table[1:]] == [
        ["sub-001", "PH001", "yes", "phantom"],
        ["sub-002", "PH002", "no", "phantom"],
    ]
    assert [name for name in first if "ivh" in name] == ["sub-001/ct/sub-001_label-ivh_mask.nii.gz"]
    assert [name for name in first if "cta" in name] == ["sub-001/ct/sub-001_cta.nii.gz"]
    assert read_volume(tmp_path / "a/sub-001/ct/sub-001_ct.nii.gz").array_DHW.dtype == np.int16


def test_another_seed_gives_another_head() -> None:
    one, other = (make_phantom(0, size="small", seed=seed, cta_share=0.0) for seed in (1, 2))
    assert (one.ct.array_DHW != other.ct.array_DHW).mean() > 0.5


@pytest.mark.parametrize(("num_cases", "num_ivh", "num_cta"), [(3, 1, 3), (20, 3, 17), (76, 11, 66), (152, 23, 132)])
def test_shares_of_ivh_and_angiography_are_exact(num_cases: int, num_ivh: int, num_cta: int) -> None:
    assert sum(has_ivh(index) for index in range(num_cases)) == num_ivh
    assert sum(has_cta(index) for index in range(num_cases)) == num_cta


def test_shares_of_zero_and_one_mean_none_and_all() -> None:
    assert not any(has_ivh(index, 0.0) for index in range(50))
    assert all(has_cta(index, 1.0) for index in range(50))


def test_head_has_the_hounsfield_units_of_its_tissues(cases: list[PhantomCase]) -> None:
    for case in cases:
        hu, lesion, brain = case.ct.array_DHW, case.lesion.array_DHW > 0, case.brain.array_DHW > 0
        assert hu.dtype == np.int16
        assert np.median(hu[hu < -900]) == pytest.approx(-995, abs=3)
        core = ndimage.binary_erosion(brain, iterations=3) & ~lesion
        low, middle, high = np.percentile(hu[core], (5, 50, 95))
        assert 12 < low < 24
        assert 24 < middle < 32
        assert 33 < high < 48
        assert np.median(hu[lesion]) > 46
        assert 600 < np.median(hu[hu > 500]) < 1400
        assert 1190 < brain.sum() * case.brain.voxel_ml < 1460  # without the voxels that bone brightens


def test_lesion_lies_in_the_brain_apart_from_ivh_and_is_never_tiny(cases: list[PhantomCase]) -> None:
    for case in cases:
        lesion = case.lesion.array_DHW > 0
        assert case.lesion.array_DHW.dtype == np.uint8
        assert (case.brain.array_DHW[lesion] == 1).all()
        assert lesion.sum() >= 12
        assert case.lesion_ml >= SIZES["small"].floor_ml
        assert case.lesion_ml == pytest.approx(lesion.sum() * case.lesion.voxel_ml)
        assert case.lesion_type in LESION_TYPES
        assert abs(case.pose.midline_shift_mm) <= 8.001
    assert [case.ivh is None for case in cases] == [True, True, False, True]
    ivh = cases[2].ivh
    assert ivh is not None
    blood = ivh.array_DHW > 0
    assert blood.any()
    assert not (blood & (cases[2].lesion.array_DHW > 0)).any()
    assert np.median(cases[2].ct.array_DHW[blood]) > 44


def test_a_hemorrhage_that_breaks_into_the_ventricles_is_the_larger_one_of_two() -> None:
    # The larger one of two has its median where one has its quantile sqrt(1/2), and the upper half is a tail: 9 mL and
    # 17 mL are the quantiles 0.5 and 0.75, which two of two are below in 25.0% and 56.3%.
    draws = [draw_lesion(np.random.default_rng(seed), has_ivh=True, floor_ml=0.4) for seed in range(2000)]
    volumes = np.array([draw.volume_ml for draw in draws if draw.kind in ("deep", "lobar")])
    assert (volumes < 9.0).mean() == pytest.approx(0.25, abs=0.03)
    assert (volumes < 17.0).mean() == pytest.approx(0.5625, abs=0.03)


def test_lesion_has_the_wanted_volume_and_spares_the_ventricles() -> None:
    rng = np.random.default_rng(0)
    grid = model_grid(3.0, with_neck=False)
    head = make_head(grid, rng, skull_mm=6.0)
    inner = head.cavity_mm < 0
    z, y, x = (np.broadcast_to(axis, grid.shape_DHW)[inner] for axis in (grid.z_D11, grid.y_1H1, grid.x_11W))
    at = BrainPoints(grid=grid, inner_DHW=inner, z=z, y=y, x=x, depth=-head.cavity_mm[inner])
    wanted = LesionTraits(
        kind="deep", volume_ml=30.0, centre_XYZ_mm=(24.0, 10.0, 2.0), hu=62.0, edema_mm=4.0, ivh_ml=6.0
    )
    moved, shift_mm = push_away(at, wanted)
    brain = make_brain(at, moved, BrainTraits(atrophy=0.5, ventricle_mm=1.0, calcification_hu=0.0), 3.0, rng)
    lesion, ivh = add_lesion(brain.hu, at, brain, wanted, 0.027, 3.0, rng)
    assert lesion.sum() * 0.027 == pytest.approx(30.0, rel=0.1)
    assert ivh.sum() * 0.027 == pytest.approx(6.0, rel=0.25)
    assert lesion[brain.ventricle_mm < -1.5].max() == 0.0
    assert ivh[brain.ventricle_mm > 1.5].max() == 0.0
    assert -8.0 <= shift_mm < -1.0  # from the right to the left
    for from_midline in (5.0, 20.0, 45.0):
        large = replace(wanted, volume_ml=95.0, centre_XYZ_mm=(from_midline, 10.0, 2.0))
        assert -8.001 < push_away(at, large)[1] < 0.0
    far = (lesion == 0) & (ivh == 0) & (brain.ventricle_mm < -1.5)
    assert np.median(brain.hu[far]) == pytest.approx(8.0, abs=1.0)


def test_volumes_follow_the_measured_quartiles() -> None:
    rng = np.random.default_rng(0)
    volumes = [draw_volume_ml(rng) for _ in range(20_000)]
    assert np.percentile(volumes, (25, 50, 75)) == pytest.approx((3.0, 9.0, 17.0), rel=0.05)
    assert np.percentile(volumes, (5, 95)) == pytest.approx((0.6, 43.0), rel=0.15)


def test_places_follow_their_shares_and_bound_the_volume() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_lesion(rng, has_ivh=False, floor_ml=0.4) for _ in range(4000)]
    for kind, (share, largest_ml) in LESION_TYPES.items():
        volumes = [lesion.volume_ml for lesion in drawn if lesion.kind == kind]
        assert len(volumes) / 4000 == pytest.approx(share, abs=0.025)
        assert min(volumes) >= 0.4
        assert max(volumes) <= largest_ml


def test_noise_has_the_measured_strength_and_correlation() -> None:
    grid = ScanGrid(shape_DHW=(6, 256, 256), spacing_DHW_mm=(5.0, 0.49, 0.49), centre_z_mm=0.0)
    noise = correlated_noise(np.random.default_rng(0), grid, 3.4)
    assert noise.std() == pytest.approx(3.4, rel=0.01)
    correlation = [np.corrcoef(noise[..., :-lag].ravel(), noise[..., lag:].ravel())[0, 1] for lag in (1, 3)]
    assert correlation == pytest.approx([0.8, 0.3], abs=0.05)
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.05


def test_angiography_is_finer_and_lies_elsewhere(cases: list[PhantomCase]) -> None:
    ct, cta = cases[0].ct, cases[0].cta
    assert cta is not None
    assert all(fine < coarse for fine, coarse in zip(cta.spacing_DHW_mm, ct.spacing_DHW_mm, strict=True))
    assert cta.affine[2, 3] < ct.affine[2, 3] - 10  # some neck below
    assert cta.array_DHW.dtype == np.int16
    assert cases[3].cta is None


def test_vessels_enhance_to_their_peak() -> None:
    grid = model_grid(2.0, with_neck=True)
    hu = np.full(grid.shape_DHW, 30.0, dtype=np.float32)
    painted = paint_vessels(hu, grid, 330.0, np.random.default_rng(0))
    assert painted.max() == pytest.approx(330.0)
    assert 5.0 < (painted > 180.0).sum() * 0.008 < 60.0  # millilitres of arteries and sinuses
    assert (hu == 30.0).all()


def test_finished_data_set_is_left_alone_and_anything_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "phantom"
    write_phantom(out, num_cases=1, size="small", seed=0, cta_share=0.0)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    write_phantom(out, num_cases=1, size="small", seed=0, cta_share=0.0)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert json.loads((out / "dataset_description.json").read_text())["Phantom"]["seed"] == 0
    with pytest.raises(BadInput, match="holds another phantom data set"):
        write_phantom(out, num_cases=1, size="small", seed=1, cta_share=0.0)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("keep me")
    with pytest.raises(BadInput, match="foreign"):
        write_phantom(foreign, num_cases=1, size="small", seed=0)
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "huge"}, "size 'huge'"),
        ({"seed": -1}, "seed -1"),
        ({"ivh_share": 1.5}, "ivh_share 1.5"),
        ({"num_cases": 0}, "cases 0"),
    ],
)
def test_impossible_requests_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    request: dict[str, object] = {"num_cases": 1, "size": "small", "seed": 0}
    with pytest.raises(BadInput, match=message):
        write_phantom(tmp_path / "out", **(request | change))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
