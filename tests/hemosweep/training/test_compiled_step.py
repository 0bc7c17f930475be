"""A compiled step trains as the plain one does, and gives way to it where the compiler fails."""

import copy
import shutil
from tempfile import gettempdir

import pytest
import torch

from hemosweep.config import TrainingConfig
from hemosweep.executors.local import LocalExecutor
from hemosweep.foldrun.journal import Journal, read_journal
from hemosweep.model.device import Device
from hemosweep.model.losses.soft_dice import dice_ce_loss
from hemosweep.model.memory import MicroBatch
from hemosweep.model.unet import SEUNet
from hemosweep.training import compiled, fold_run
from hemosweep.training.child import train_fold
from hemosweep.training.compiled import NUM_WARM_UP, CompiledStep, GraphFailed, compiled_forward, is_worth_compiling
from hemosweep.training.loop import forward_of
from hemosweep.training.step import PlainStep
from tests.fold_runs import run_fold
from tests.jobs import train_compiled

CPU = Device(torch_device=torch.device("cpu"), bf16=False, channels_last=True, num_threads=1)
CUDA = Device(torch_device=torch.device("cuda"), bf16=True, channels_last=True, num_threads=1)
BATCH = 4

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="the compiler for the CPU needs g++")


class Bank:
    """Noisy patches of 4 x 8 x 8 voxels with a lesion in the odd ones."""

    def __init__(self, num_patches):
        generator = torch.Generator().manual_seed(0)
        self.label = torch.zeros(num_patches, 4, 8, 8, dtype=torch.int64)
        self.label[1::2, 1:3, 2:6, 2:6] = 1
        self.x = self.label[:, None] + 0.5 * torch.randn(num_patches, 2, 4, 8, 8, generator=generator)

    def gather(self, patch_B):
        return self.x[patch_B], self.label[patch_B]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # What torch writes there when it is imported, long before anything is compiled.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", f"{gettempdir()}/torchinductor_somebody")
    torch._dynamo.reset()
    return tmp_path


def make_step(network):
    network = CPU.place(network).train()
    optimizer = torch.optim.Adadelta(network.parameters())
    return PlainStep(network, dice_ce_loss, optimizer, MicroBatch(BATCH, least=2), CPU)


def test_compiling_is_for_long_trainings_on_cuda_that_need_not_repeat_their_bits():
    long = TrainingConfig(batch_size=64, max_epochs=100)
    assert is_worth_compiling(long, CUDA, 64 * 500)
    assert not is_worth_compiling(long, CUDA, 64 * 499)
    assert not is_worth_compiling(TrainingConfig(batch_size=64, max_epochs=19), CUDA, 64 * 500)
    assert not is_worth_compiling(TrainingConfig(batch_size=64, deterministic=True), CUDA, 64 * 500)
    assert not is_worth_compiling(long, CPU, 64 * 50_000)


@pytest.mark.slow
@needs_compiler
def test_a_compiled_training_follows_the_plain_one_and_keeps_its_code(one_thread, cache):
    torch.manual_seed(0)
    network = SEUNet(2, width=4, dropout=0.0)
    bank, events = Bank(10), []
    plain, inner = make_step(copy.deepcopy(network)), make_step(network)
    step = CompiledStep(inner, BATCH, lambda event, **fields: events.append((event, fields)))
    for numbers in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [3, 1, 5, 7], [0, 2, 9, 8], [1, 2, 3, 9]):
        batch_B = torch.tensor(numbers)
        assert step(bank, batch_B).item() == pytest.approx(plain(bank, batch_B).item(), rel=2e-4)
    for ours, theirs in zip(inner.model.state_dict().values(), plain.model.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-3)
    assert [event for event, _ in events] == ["compiled"]
    assert list((cache / "hemosweep" / f"torch-{torch.__version__}").iterdir())
    inner.model.eval()
    forward = forward_of(inner.model, CPU)
    with torch.inference_mode():
        for num_patches in (BATCH, 2):
            x_BCDHW, _ = bank.gather(torch.arange(num_patches))
            logits_BCDHW = compiled_forward(forward, BATCH, pytest.fail)(x_BCDHW)
            torch.testing.assert_close(logits_BCDHW, forward(x_BCDHW), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@needs_compiler
def test_a_fold_run_in_a_forked_child_is_compiled_and_learns(tiny_spec, tmp_path, cache, one_processor):
    results = []
    for name, job in (("plain", train_fold), ("compiled", train_compiled)):
        folder = tmp_path / name
        tiny_spec(max_epochs=3).write(folder)
        executor = LocalExecutor(job=job)
        executor.start(folder)
        (end,) = executor.wait(240.0)
        assert end.failure is None, (folder / "log.txt").read_text()
        events = read_journal(folder / "events.jsonl")
        assert [event["event"] for event in events].count("compiled") == int(name == "compiled")
        assert not {event["event"] for event in events} & {"not_compiled", "no_graph"}
        results.append([event["val_loss"] for event in events if event["event"] == "epoch"])
    assert results[1] == pytest.approx(results[0], rel=0.2)  # Dropout draws in another order.


class FailsInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("no kernel for this device")


def test_where_the_compiler_fails_the_plain_step_is_taken_as_if_nothing_had_been_tried(
    one_thread, cache, monkeypatch, capsys
):
    torch.manual_seed(0)
    network = SEUNet(2, width=2, dropout=0.5)
    bank, events = Bank(6), []
    plain, inner = make_step(copy.deepcopy(network)), make_step(network)
    attempts = []

    def broken(function, *, dynamic):
        def run(x_BCDHW, label_BDHW):  # Dropout has drawn and the statistics have moved when it fails.
            attempts.append(len(x_BCDHW))
            return FailsInBackward.apply(function(x_BCDHW, label_BDHW))

        return run

    monkeypatch.setattr(compiled.torch, "compile", broken)
    step = CompiledStep(inner, BATCH, lambda event, **fields: events.append((event, fields)))
    losses = []
    for train in (plain, step):
        torch.manual_seed(1)
        losses.append([train(bank, torch.tensor(numbers)).item() for numbers in ([0, 1, 2, 3], [2, 3, 4, 5])])
    assert losses[0] == losses[1]
    states = zip(inner.model.state_dict().values(), plain.model.state_dict().values(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in states)
    assert attempts == [BATCH]
    assert events == [("not_compiled", {"reason": "RuntimeError"})]
    assert "no kernel for this device" in capsys.readouterr().err


def test_where_no_graph_can_be_captured_the_process_ends_and_the_next_one_goes_without(
    one_thread, cache, monkeypatch, capsys
):
    monkeypatch.setattr(compiled.torch, "compile", lambda function, *, dynamic: function)
    monkeypatch.setattr(compiled, "_Graph", broken_graph)
    bank, events = Bank(6), []
    step = CompiledStep(make_step(SEUNet(2, width=2)), BATCH, lambda event, **fields: events.append((event, fields)))
    step._wants_graph = True  # As on CUDA.
    batch_B = torch.arange(BATCH)
    for _ in range(NUM_WARM_UP - 1):
        step(bank, batch_B)
    with pytest.raises(GraphFailed, match=r"captured as a CUDA graph \(RuntimeError\); the next"):
        step(bank, batch_B)
    assert events[1:] == [("no_graph", {"reason": "RuntimeError"})]
    assert "operation not permitted when stream is capturing" in capsys.readouterr().err


def broken_graph(update, batch):
    raise RuntimeError("CUDA error: operation not permitted when stream is capturing")


def test_a_fold_run_whose_last_process_could_capture_no_graph_goes_without_one_and_says_so(
    tiny_spec, tmp_path, monkeypatch, one_thread
):
    asked = []
    original = fold_run.train
    monkeypatch.setattr(
        fold_run, "train", lambda *arguments, graph, **options: asked.append(graph) or original(*arguments, **options)
    )
    journal = Journal(tmp_path / "events.jsonl")
    spec = tiny_spec(max_epochs=1)
    spec.write(tmp_path)
    run_fold(spec, tmp_path, journal)
    journal.write("no_graph", reason="RuntimeError")
    for _ in range(2):
        (tmp_path / "weights.pt").unlink()
        run_fold(spec, tmp_path, journal)
    assert asked == [True, False, False]
    told = [event["reason"] for event in read_journal(journal.path) if event["event"] == "no_graph"]
    assert told == ["RuntimeError"] * 3


def test_a_forward_pass_that_cannot_be_compiled_is_the_plain_one(cache, monkeypatch):
    def broken(function, *, dynamic):
        def run(x_BCDHW):
            raise OSError("no compiler")

        return run

    monkeypatch.setattr(compiled.torch, "compile", broken)
    events = []
    forward = compiled_forward(lambda x: 2 * x, 2, lambda event, **fields: events.append((event, fields)))
    assert forward(torch.ones(2)).tolist() == [2, 2]
    assert forward(torch.ones(2)).tolist() == [2, 2]
    assert events == [("not_compiled", {"reason": "OSError"})]


def test_a_cache_folder_that_the_user_has_chosen_is_kept(cache, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/scratch/compiled")
    compiled._keep_compiled_code()
    assert compiled.os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/scratch/compiled"
    assert list(cache.iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_left_to_torch(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    compiled._keep_compiled_code()
    assert "TORCHINDUCTOR_CACHE_DIR" not in compiled.os.environ
