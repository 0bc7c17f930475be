"""A guard without a clock: what an epoch does is counted, and a count that grows fails.

Time on a shared machine says little; the number of operations, of fresh tensors and of looks at a value from the host,
each of which lets a GPU wait, says the same thing everywhere.
"""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hemosweep.config import TrainingConfig
from hemosweep.model.device import Device
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.memory import MicroBatch
from hemosweep.model.unet import SEUNet
from hemosweep.preprocessing.record import load_preprocessed
from hemosweep.sampling.bank import PatchBank
from hemosweep.training.fold_run import draw_fold_centres
from hemosweep.training.loop import train, validate
from hemosweep.training.step import PlainStep

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
LOOKS = {"_local_scalar_dense", "equal", "nonzero", "masked_select", "is_nonzero", "unique_dim"}
"""Operations whose result the host has to know before it goes on."""

pytestmark = pytest.mark.usefixtures("one_thread")


class Counted(TorchDispatchMode):
    """Counts operations, those of the gradient too, and the tensors that they make in fresh memory."""

    def __init__(self):
        super().__init__()
        self.operations = Counter()
        self.num_fresh = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations[operation.overloadpacket.__name__] += 1
        result = operation(*args, **kwargs or {})
        is_view = operation.is_view or any(argument.alias_info for argument in operation._schema.arguments)
        if not is_view:
            self.num_fresh += sum(isinstance(part, torch.Tensor) for part in torch.utils._pytree.tree_leaves(result))
        return result

    @property
    def num_looks(self):
        return sum(self.operations[name] for name in LOOKS)


@pytest.fixture
def bank(tiny_inputs, tiny_config):
    config = tiny_config()

    def drawn():
        for name in "ab":
            case = load_preprocessed(tiny_inputs[name])
            yield case, draw_fold_centres(case, config, seed=0)

    return PatchBank(drawn(), (4, 4, 4), torch.device("cpu"))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return CPU.place(SEUNet(1, width=2))


def test_a_gather_takes_two_reads_of_the_cases_and_no_look_from_the_host(bank):
    with Counted() as counted:
        bank.gather(torch.arange(4))
    assert counted.operations["index_select"] == 2
    assert counted.num_looks == 0
    assert counted.operations.total() <= 60
    assert counted.num_fresh <= 38


def test_a_step_costs_no_more_operations_and_allocations_than_it_did(bank, model):
    step = PlainStep(model.train(), dice_ce_loss, torch.optim.Adadelta(model.parameters()), MicroBatch(4, least=2), CPU)
    step(bank, torch.arange(4))
    with Counted() as counted:
        step(bank, torch.arange(4))
    assert counted.operations["convolution"] == 8
    assert counted.operations["convolution_backward"] == 8
    assert counted.num_looks == 0
    assert counted.operations.total() <= 848
    assert counted.num_fresh <= 332


def test_an_epoch_looks_at_its_loss_once_and_validation_at_its_two_figures(bank, model, tmp_path):
    looks = {}
    for max_epochs in (1, 2):
        with Counted() as counted:
            train(
                CPU.place(SEUNet(1, width=2)),
                dice_ce_loss,
                bank,
                bank,
                TrainingConfig(batch_size=4, max_epochs=max_epochs),
                CPU,
                seed=0,
                run="counted",
                checkpoint=tmp_path / f"{max_epochs}.pt",
                on_epoch=lambda epoch: None,
                on_event=lambda *event, **fields: None,
            )
        looks[max_epochs] = counted.num_looks
    assert looks[2] - looks[1] == 3


def test_validation_waits_for_nothing_between_its_batches(bank, model):
    looks = []
    for batch_size in (4, 8):
        with Counted() as counted:
            validate(model, dice_ce_loss, bank, batch_size, CPU)
        looks.append(counted.num_looks)
    assert looks == [2, 2]
