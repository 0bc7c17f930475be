"""Pictures of a run are logged as MLflow's charts look for them: key, step and time in the name, and a small copy."""

from pathlib import Path

import numpy as np
from matplotlib.image import imread, imsave

from hemosweep.tracking import schema
from hemosweep.tracking.recorder import Recorder
from hemosweep.tracking.store import open_store


def test_a_replicates_pictures_lie_where_the_charts_look_for_them_once_however_often_it_is_recorded(
    out, replicate, cases, tmp_path
):
    striped_HWC = np.broadcast_to((np.arange(1200) // 2 % 2)[:, None].astype(float), (600, 1200, 3))
    figures = {name: tmp_path / name for name in ("worst.png", "training.png")}
    for path in figures.values():
        imsave(path, striped_HWC)
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    for _ in range(2):
        recorder.finish_replicate(run_id, cases=cases, figures=figures, status="FINISHED")
    run = open_store(out).client.get_run(run_id)
    assert run.data.tags[schema.TAG_IMAGES] == "True"
    small, whole = sorted((out / "artifacts" / "loss" / run_id / "artifacts" / "images").iterdir())
    key, step, number, timestamp, time, name = whole.stem.split("+")
    assert (key, step, number, timestamp, time) == ("worst", "step", "0", "timestamp", str(run.info.start_time))
    assert small.stem == f"{whole.stem}+compressed"
    assert name.replace("-", "") == run_id
    assert whole.read_bytes() == Path(figures["worst.png"]).read_bytes()
    # Stripes of two pixels, 0 0 1 1 0 0 1 1 0 0 1 1, in blocks of three.
    blocks_HW = imread(small)[..., 0]
    assert blocks_HW.shape == (200, 400)
    np.testing.assert_allclose(blocks_HW[0, :4], [1 / 3, 1 / 3, 2 / 3, 2 / 3], atol=1 / 255)


def test_a_replicate_without_pictures_has_no_mark_of_them(out, replicate, cases):
    recorder = Recorder(out)
    run_id = recorder.begin_replicate(replicate())
    recorder.finish_replicate(run_id, cases=cases, figures={}, status="FINISHED")
    assert schema.TAG_IMAGES not in open_store(out).client.get_run(run_id).data.tags
