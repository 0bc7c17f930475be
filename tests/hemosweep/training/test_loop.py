"""The loop alone: a stub network and scripted validation losses, so that every epoch can be counted by hand."""

import math
from itertools import chain, count
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from hemosweep.config import TrainingConfig
from hemosweep.foldrun.pause import Paused
from hemosweep.model.checkpoint import load_checkpoint, save_checkpoint
from hemosweep.model.device import Device
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.model.schedules.poly import Poly
from hemosweep.training.loop import NonFiniteLoss, train, validate

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=False, num_threads=1)


class Bank:
    """Patches of 1 x 1 x 2 voxels, told apart by their number; remembers the order in which they were asked for."""

    def __init__(self, num_patches=4, label=(1, 0)):
        self.num_patches = num_patches
        self.label = label
        self.asked = []

    def __len__(self):
        return self.num_patches

    def gather(self, patch_B, *, transformed=True):
        self.asked.append(patch_B.tolist())
        x_BCDHW = patch_B.float()[:, None, None, None, None].expand(-1, 1, 1, 1, 2)
        return x_BCDHW, torch.tensor(self.label).expand(len(patch_B), 1, 1, 2)

    def origins(self, patch_B):
        return (
            [f"case {number}" for number in patch_B.tolist()],
            torch.zeros(len(patch_B), 3),
            torch.zeros(len(patch_B)),
        )


class Network(nn.Module):
    """One weight; the first voxel of every patch is called lesion, the second is not."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x_BCDHW):
        lesion_BDHW = torch.tensor([1.0, -1.0]).expand(len(x_BCDHW), 1, 1, 2) * self.weight
        return torch.stack([-lesion_BDHW, lesion_BDHW], dim=1)


class ScriptedLoss:
    """The given validation losses, one an epoch; the training loss pulls the weight down, so every epoch differs."""

    def __init__(self, model, validation):
        self.model = model
        self.validation = iter(validation)

    def __call__(self, logits_BCDHW, label_BDHW):
        if self.model.training:
            return self.model.weight * 1.0
        return torch.tensor(next(self.validation))


@pytest.fixture
def scripted(tmp_path):
    def run(validation, *, patience=3, max_epochs=10):
        model = Network()
        weights = {}
        outcome = train(
            model,
            ScriptedLoss(model, validation),
            Bank(),
            Bank(),
            TrainingConfig(batch_size=4, max_epochs=max_epochs, patience=patience),
            CPU,
            seed=0,
            run="run",
            checkpoint=tmp_path / "checkpoint.pt",
            on_epoch=lambda epoch: weights.setdefault(epoch.epoch, float(model.weight.detach())),
            on_event=lambda event, **fields: None,
        )
        return outcome, weights, float(model.weight.detach())

    return run


@pytest.mark.parametrize(
    ("validation", "best_epoch", "num_epochs", "reason"),
    [
        ([5.0, 4.0, 4.5, 4.4, 4.3, 1.0], 2, 5, "patience"),
        ([5.0, 5.0, 5.0, 5.0, 1.0], 1, 4, "patience"),
        ([5.0, 6.0, 6.0, 4.0, 6.0, 6.0, 6.0, 1.0], 4, 7, "patience"),
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5], 10, 10, "max_epochs"),
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 3.0, 3.0], 8, 10, "max_epochs"),
    ],
    ids=["three epochs without a better one", "equal is not better", "a late best counts anew", "last is best", "end"],
)
def test_training_ends_where_hand_counted(scripted, validation, best_epoch, num_epochs, reason):
    outcome, weights, _ = scripted(validation)
    assert (outcome.best_epoch, outcome.num_epochs, outcome.reason) == (best_epoch, num_epochs, reason)
    assert list(weights) == list(range(1, num_epochs + 1))


def test_the_model_ends_with_the_weights_of_the_best_epoch(scripted):
    outcome, weights, final = scripted([5.0, 4.0, 4.5, 4.4, 4.3])
    assert len(set(weights.values())) == outcome.num_epochs
    assert final == weights[2]


def test_going_on_from_a_finished_training_trains_nothing_and_keeps_the_best_weights(scripted):
    first = scripted([5.0, 4.0, 4.5, 4.4, 4.3])
    outcome, weights, final = scripted([])
    assert (outcome, weights, final) == (first[0], {}, first[2])


@pytest.mark.parametrize(("bad", "shown"), [(math.nan, "nan"), (math.inf, "inf")])
def test_a_validation_loss_that_is_not_finite_ends_the_training_and_its_batch_is_kept(scripted, tmp_path, bad, shown):
    with pytest.raises(NonFiniteLoss, match=f"the validation loss became {shown} in epoch 2; "):
        scripted([5.0, bad])
    kept = torch.load(tmp_path / "non_finite.pt", weights_only=True)
    assert (kept["part"], kept["epoch"], kept["step"], len(kept["case_ids"])) == ("validation", 2, 1, 4)
    assert load_checkpoint(tmp_path / "checkpoint.pt", "run")["epoch"] == 1


@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_the_first_training_batch_whose_loss_is_not_finite_is_kept(tmp_path, bad):
    model, bank = Network(), Bank(num_patches=10)
    factors = iter([1.0, bad, math.nan])
    with pytest.raises(
        NonFiniteLoss, match=r"the training loss became nan in epoch 1; .* in .*/non_finite\.pt, or give a "
    ) as raised:
        train(
            model,
            lambda logits_BCDHW, label_BDHW: model.weight * next(factors),
            bank,
            Bank(),
            TrainingConfig(batch_size=4, optimiser=Adadelta(learning_rate=0.5)),
            CPU,
            seed=0,
            run="run",
            checkpoint=tmp_path / "checkpoint.pt",
            on_epoch=pytest.fail,
            on_event=pytest.fail,
        )
    assert str(raised.value).endswith("a learning_rate below 0.5")
    assert [path.name for path in tmp_path.iterdir()] == ["non_finite.pt"], "no checkpoint"
    kept = torch.load(tmp_path / "non_finite.pt", weights_only=True)
    second = bank.asked[1]
    assert kept.keys() == {"part", "epoch", "step", "loss", "images", "labels", "case_ids", "centres", "views"}
    assert (kept["part"], kept["epoch"], kept["step"]) == ("training", 1, 2)
    assert kept["loss"] == pytest.approx(bad, nan_ok=True)
    assert kept["images"][:, 0, 0, 0, 0].tolist() == second
    assert kept["labels"].tolist() == [[[[1, 0]]]] * 4
    assert kept["case_ids"] == [f"case {number}" for number in second]


def test_an_epoch_visits_every_patch_once_in_an_order_that_the_seed_decides(tmp_path):
    def order(seed):
        model, bank = Network(), Bank(num_patches=10)
        train(
            model,
            ScriptedLoss(model, [3.0, 2.0]),
            bank,
            Bank(),
            TrainingConfig(batch_size=4, max_epochs=2),
            CPU,
            seed=seed,
            run="run",
            checkpoint=tmp_path / f"{seed}.pt",
            on_epoch=lambda epoch: None,
            on_event=pytest.fail,
        )
        assert [len(batch) for batch in bank.asked] == [4, 4, 2, 4, 4, 2]
        epochs = [[*chain(*bank.asked[:3])], [*chain(*bank.asked[3:])]]
        assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 2
        assert epochs[0] != epochs[1]
        return epochs

    assert order(0) != order(1)


def test_a_last_batch_of_one_patch_is_left_out_as_batch_normalisation_needs_two(tmp_path):
    model, bank = Network(), Bank(num_patches=5)
    train(
        model,
        ScriptedLoss(model, [3.0]),
        bank,
        Bank(),
        TrainingConfig(batch_size=4, max_epochs=1),
        CPU,
        seed=0,
        run="run",
        checkpoint=tmp_path / "checkpoint.pt",
        on_epoch=lambda epoch: None,
        on_event=pytest.fail,
    )
    assert [len(batch) for batch in bank.asked] == [4]


def test_validation_weighs_every_patch_alike_and_pools_the_voxels():
    # Batches of 4 and 1 with losses 1 and 6: (4 x 1 + 1 x 6) / 5. Both voxels are lesion, one of them is found: 2 / 3.
    losses = iter([1.0, 6.0])
    loss, dsc = validate(Network(), lambda *_: torch.tensor(next(losses)), Bank(5, label=(1, 1)), 4, CPU)
    assert loss == pytest.approx(2.0)
    assert dsc == pytest.approx(2 / 3)


def test_voxels_that_are_called_lesion_elsewhere_overlap_with_nothing():
    _, dsc = validate(Network(), lambda *_: torch.tensor(0.0), Bank(label=(0, 1)), 4, CPU)
    assert dsc == 0.0


def test_the_order_of_the_patches_does_not_depend_on_what_the_network_draws(tmp_path):
    def order(num_drawn):
        model, bank = Network(), Bank(num_patches=10)

        def loss(logits_BCDHW, label_BDHW):
            torch.rand(num_drawn)  # as dropout does
            return model.weight * 1.0

        train(
            model,
            loss,
            bank,
            Bank(),
            TrainingConfig(batch_size=4, max_epochs=3),
            CPU,
            seed=0,
            run="run",
            checkpoint=tmp_path / f"{num_drawn}.pt",
            on_epoch=lambda epoch: None,
            on_event=pytest.fail,
        )
        return bank.asked

    assert order(1) == order(7)


def test_an_epoch_tells_its_seconds(tmp_path, monkeypatch):
    ticks = count(100.0, 1.5)
    monkeypatch.setattr("hemosweep.training.loop.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    sitting = Sitting(tmp_path)
    sitting.train()
    assert [epoch.seconds for epoch, _ in sitting.epochs] == [1.5] * 5


def test_a_checkpoint_holds_what_the_next_epoch_depends_on(scripted, tmp_path):
    _, weights, _ = scripted([5.0, 4.0, 4.5], max_epochs=3)
    state = load_checkpoint(tmp_path / "checkpoint.pt", "run")
    assert (state["epoch"], state["best_epoch"], state["best_loss"]) == (3, 2, 4.0)
    assert (float(state["model"]["weight"]), float(state["best"]["weight"])) == (weights[3], weights[2])
    assert state["optimizer"]["state"][0]["step"] == 3
    assert state["random"].keys() == {"cpu"}
    assert (state["run"], state["micro_batch"]) == ("run", 4)


def test_validation_sees_every_patch_once_in_one_mixed_order_for_ever():
    # Patches are stored by class: in stored order a batch would be all lesion or all background.
    bank = Bank(num_patches=64)
    orders = []
    for _ in range(2):
        bank.asked = []
        validate(Network(), lambda logits, label: torch.tensor(0.0), bank, 8, CPU)
        orders.append(list(chain(*bank.asked)))
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(64))
    assert all(min(batch) < 32 <= max(batch) for batch in bank.asked)


def test_validation_of_patches_without_any_lesion_in_label_or_prediction_has_a_dsc_of_nought():
    model = Network()
    with torch.no_grad():
        model.weight.zero_()
    loss, dsc = validate(model, lambda *_: torch.tensor(1.0), Bank(label=(0, 0)), 4, CPU)
    assert (loss, dsc) == (1.0, 0.0)


class Sitting:
    """Trainings of one fold run: each goes on from the last checkpoint and stops before the epoch `pause_before`."""

    LOSSES = (5.0, 4.0, 4.5, 3.0, 3.5)

    def __init__(self, folder):
        self.checkpoint = folder / "checkpoint.pt"
        self.events, self.epochs, self.asked = [], [], []

    def train(self, pause_before=None, run="run", **training):
        done, model, bank = len(self.epochs), Network(), Bank(num_patches=10)

        begun = load_checkpoint(self.checkpoint, "run")["epoch"] if done else 0
        outcome = train(
            model,
            ScriptedLoss(model, [loss for loss in self.LOSSES[begun:] for _ in range(3)]),
            bank,
            bank,
            TrainingConfig(**({"batch_size": 4, "max_epochs": 5, "schedule": Poly()} | training)),
            CPU,
            seed=0,
            run=run,
            checkpoint=self.checkpoint,
            on_epoch=lambda epoch: self.epochs.append((epoch, float(model.weight.detach()))) or self._note(bank),
            on_event=lambda event, **fields: self.events.append((event, fields)),
            should_pause=lambda: pause_before is not None and len(self.epochs) + 1 >= pause_before,
        )
        return outcome, float(model.weight.detach())

    def _note(self, bank):
        self.asked.append(bank.asked)
        bank.asked = []

    @property
    def seen(self):
        """Everything of the epochs but their seconds."""
        return [(epoch.epoch, epoch.train_loss, epoch.val_loss, epoch.val_dsc, weight) for epoch, weight in self.epochs]


def test_a_training_that_was_stopped_twice_is_the_undisturbed_one_bit_for_bit(tmp_path):
    (tmp_path / "whole").mkdir()
    whole, parts = Sitting(tmp_path / "whole"), Sitting(tmp_path)
    expected = whole.train()
    for pause_before in (2, 4):
        with pytest.raises(Paused):
            parts.train(pause_before=pause_before)
        assert len(parts.epochs) == pause_before - 1
    assert parts.train() == expected
    assert parts.seen == whole.seen
    assert parts.asked == whole.asked
    assert (expected[0].best_epoch, expected[0].num_epochs) == (4, 5)
    assert whole.events == []
    assert parts.events == [("resumed", {"epoch": 1}), ("resumed", {"epoch": 3})]


def test_it_goes_on_with_the_micro_batches_that_memory_held(tmp_path):
    sitting = Sitting(tmp_path)
    with pytest.raises(Paused):
        sitting.train(pause_before=3)
    state = load_checkpoint(sitting.checkpoint, "run")
    save_checkpoint(sitting.checkpoint, state | {"micro_batch": 2})
    sitting.train()
    assert sitting.events == [("resumed", {"epoch": 2, "micro_batch": 2})]
    assert load_checkpoint(sitting.checkpoint, "run")["micro_batch"] == 2


@pytest.mark.parametrize("spoilt", ["cut", "of another run"])
def test_a_checkpoint_that_cannot_be_gone_on_from_is_set_aside_and_the_training_begins_anew(tmp_path, spoilt):
    (tmp_path / "whole").mkdir()
    whole, sitting = Sitting(tmp_path / "whole"), Sitting(tmp_path)
    expected = whole.train()
    with pytest.raises(Paused):
        sitting.train(pause_before=3)
    if spoilt == "cut":
        content = sitting.checkpoint.read_bytes()
        sitting.checkpoint.write_bytes(content[: len(content) // 2])
    else:
        state = load_checkpoint(sitting.checkpoint, "run")
        save_checkpoint(sitting.checkpoint, state | {"run": "another"})
    sitting.epochs.clear()
    assert sitting.train() == expected
    assert sitting.seen == whole.seen
    ((event, fields),) = sitting.events
    assert (event, fields["kept_as"]) == ("checkpoint_unreadable", "unreadable-checkpoint.pt")
    reason = "checkpoint.pt is damaged (" if spoilt == "cut" else "checkpoint.pt was not written by this fold run"
    assert fields["reason"].startswith(reason)
    assert (tmp_path / "unreadable-checkpoint.pt").is_file()


def test_a_training_may_be_stopped_before_its_first_epoch(tmp_path):
    sitting = Sitting(tmp_path)
    with pytest.raises(Paused):
        sitting.train(pause_before=1)
    assert (sitting.epochs, sitting.events) == ([], [])
    assert not sitting.checkpoint.exists()
