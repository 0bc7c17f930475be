import subprocess
import sys

import torch

TRAPPED = """
import torch

def touched(*arguments):
    raise SystemExit("CUDA was touched")

for name in ("_cuda_getDeviceCount", "_cuda_init", "_cuda_getDevice"):
    if hasattr(torch._C, name):
        setattr(torch._C, name, touched)

import sys, hemosweep.training.server as server
print({"torch._dynamo", server.__name__} <= set(sys.modules), flush=True)
torch.cuda.is_available(), torch.cuda.device_count()
print("GPUs counted")
"""


def test_the_server_imports_all_that_a_fold_run_needs_and_touches_no_gpu_as_counting_them_would():
    # A process that has initialised CUDA, be it only to count the GPUs, cannot be forked into one that uses it.
    done = subprocess.run([sys.executable, "-c", TRAPPED], capture_output=True, text=True, check=False)
    if torch.backends.cuda.is_built():
        assert (done.returncode, done.stdout, done.stderr) == (1, "True\n", "CUDA was touched\n")
    else:
        assert (done.returncode, done.stdout, done.stderr) == (0, "True\nGPUs counted\n", "")
