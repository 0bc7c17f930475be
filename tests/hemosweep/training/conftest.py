import pytest
import torch

from hemosweep.model.device import Device
from hemosweep.training import fold_run


@pytest.fixture(scope="module")
def one_thread():
    """The CPU even where there is a GPU, whose sums are not repeatable; on a busy machine two threads mostly wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    device = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_run, "choose_device", lambda *, deterministic: device)
        yield
    torch.set_num_threads(threads)
