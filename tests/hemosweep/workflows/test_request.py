"""From the options of `sweep` and `plan` to the configuration that every arm starts from."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from hemosweep.cli.app import app
from hemosweep.data.folds import Fold
from hemosweep.errors import BadInput
from hemosweep.identity.fold_run import fold_run_digest
from hemosweep.workflows.options import SweepOptions
from hemosweep.workflows.sweeping import request

FOLD = Fold(index=0, train=("a",), validation=("b",), test=("c",))
CONTENTS = {"a": "1", "b": "2", "c": "3"}


def resolve(**options):
    return request.resolve(SweepOptions(name="patchsize", **options))


def digests(resolved):
    return [fold_run_digest(arm.config, 0, FOLD, CONTENTS, "source") for arm in resolved.arms]


@pytest.mark.parametrize("profile_name", ["demo", "paper"])
def test_deterministic_reaches_every_arm_and_gives_its_fold_runs_other_names(profile_name):
    plain, repeatable = (resolve(profile=profile_name, deterministic=asked) for asked in (False, True))
    assert not plain.base.training.deterministic
    assert repeatable.base == replace(plain.base, training=replace(plain.base.training, deterministic=True))
    assert all(arm.config.training.deterministic for arm in repeatable.arms)
    assert len({*digests(plain), *digests(repeatable)}) == 2 * len(plain.arms)


@pytest.mark.parametrize("command", ["sweep", "plan"])
@pytest.mark.parametrize("asked", [False, True])
def test_the_commands_hand_the_switch_on(monkeypatch, command, asked):
    def refuse(options):
        raise BadInput(f"asked for: {options.deterministic}")

    monkeypatch.setattr(f"hemosweep.workflows.{command}.resolve", refuse)
    result = CliRunner().invoke(app, [command, "patchsize", *(["--deterministic"] if asked else [])])
    assert str(result.exception) == f"asked for: {asked}"


@pytest.mark.parametrize(
    ("profile_name", "num_folds", "said"),
    [("demo", None, ", 3 of 5 folds"), ("demo", 2, ", 2 of 5 folds"), ("demo", 5, ", 5 folds"), ("paper", 3, "3 of 5")],
)
def test_what_is_scaled_down_tells_the_folds_that_were_asked_for(profile_name, num_folds, said):
    asked = resolve(profile=profile_name, folds=num_folds)
    assert asked.scaling.startswith(asked.profile.scaling)
    assert said in asked.scaling
