"""Jobs of fold runs in processes of their own on a GPU: apart from the tests, so that a child can import them."""

import importlib.util
import os
import signal

import numpy as np
import torch

from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.training import compiled, fold_run, testing
from hemosweep.training.child import train_fold


def train(folder):
    """A fold run as it is; where nibabel is not installed, its predictions are numpy's files."""
    if importlib.util.find_spec("nibabel") is None:
        testing.write_prediction = _write_array
    return train_fold(folder)


def train_in_little_memory(folder):
    """The same with as many bytes of the GPU as the file `gpu_bytes` in the folder says."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(int((folder / "gpu_bytes").read_text()) / total)
    return train(folder)


def train_with_cases_on_the_host(folder):
    """The same where the GPU's memory is full for as long as cases are put there."""
    from hemosweep.sampling import bank

    def full(self, tensor):
        if self._device.type == "cuda":
            return torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
        return tensor

    bank._Voxels._place = full
    return train(folder)


def kill_itself_after_two_epochs(folder):
    """A fold run whose process is killed as it is about to begin its third epoch; started again it goes on."""
    if not (folder / "killed").exists():
        original = fold_run.train

        def dying(*arguments, **options):
            asked = 0

            def should_pause():
                nonlocal asked
                asked += 1
                if asked == 3:
                    (folder / "killed").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return False

            return original(*arguments, **options | {"should_pause": should_pause})

        fold_run.train = dying
    return train(folder)


def lose_the_device(folder):
    """A fold run in whose first step a kernel reads beyond its array, which takes the device from the process."""

    def broken(config, *, in_channels):
        class Broken(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(2))

            def forward(self, x_BCDHW):
                beyond = torch.tensor([5], device=x_BCDHW.device)
                return self.weight[beyond] * x_BCDHW.expand(-1, 2, -1, -1, -1)

        return Broken()

    SEUNet3D.build = broken
    return train(folder)


def compile_whatever_the_length(folder):
    """A fold run that is compiled although it is short."""
    compiled.MIN_STEPS = 0
    return train(folder)


def _write_array(path, prediction_DHW, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path.with_suffix("").with_suffix(".npy"), prediction_DHW)
