"""Pictures of a run as MLflow's charts show them, side by side with those of other runs.

MLflow reads key, step and time of a picture in the name of its file in the folder `images`, and shows a small copy
first. The names are those of MLflow's own `log_image`, but the same each time: a picture that is recorded again
replaces itself.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from hemosweep.tracking import schema
from hemosweep.tracking.artifacts import log_file
from hemosweep.tracking.backend import MlflowClient, Run

_FOLDER = "images"
_SMALL_PIXELS = 512
"""Width and height of a small copy at most."""


def log_images(client: MlflowClient, run: Run, figures: Mapping[str, Path]) -> None:
    """Log those of a run's figures that `schema.IMAGE_KEYS` names, and tell MLflow that there are some."""
    chosen = {key: figures[f"{key}.png"] for key in schema.IMAGE_KEYS if f"{key}.png" in figures}
    if not chosen:
        return
    run_id = str(run.info.run_id)
    with tempfile.TemporaryDirectory() as temporary:
        for key, path in chosen.items():
            name = f"{_FOLDER}/{key}+step+0+timestamp+{run.info.start_time}+{UUID(run_id)}"
            log_file(client, run_id, f"{name}.png", path)
            log_file(client, run_id, f"{name}+compressed.png", _small(path, Path(temporary) / path.name))
    client.set_tag(run_id, schema.TAG_IMAGES, "True")


def _small(path: Path, target: Path) -> Path:
    """Write a copy of a picture in which each pixel is the mean of a block."""
    from matplotlib.image import imread, imsave  # Imported here: most of what is recorded has no picture.

    image_HWC = imread(path)
    height, width, channels = image_HWC.shape
    step = -(-max(height, width) // _SMALL_PIXELS)
    whole_HWC = image_HWC[: height // step * step, : width // step * step]
    blocks = whole_HWC.reshape(height // step, step, width // step, step, channels)
    imsave(target, blocks.mean(axis=(1, 3)))
    return target
