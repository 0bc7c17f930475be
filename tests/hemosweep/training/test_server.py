import subprocess
import sys

import pytest
import torch

TRAP = """
import torch

def touched(*arguments):
    raise SystemExit("CUDA was touched")

for name in ("_cuda_getDeviceCount", "_cuda_init", "_cuda_getDevice"):
    if hasattr(torch._C, name):
        setattr(torch._C, name, touched)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", TRAP + code], capture_output=True, text=True, check=False)


def test_the_server_imports_all_that_a_fold_run_needs_and_touches_no_gpu():
    # A process that has initialised CUDA, be it only to count the GPUs, cannot be forked into one that uses it.
    done = run("import sys, hemosweep.training.server as s; print({'torch._dynamo', s.__name__} <= set(sys.modules))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="needs a PyTorch that knows CUDA")
def test_to_count_the_gpus_would_touch_one():
    assert run("torch.cuda.is_available(); torch.cuda.device_count()").stderr == "CUDA was touched\n"
