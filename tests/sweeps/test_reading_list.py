"""The list of readings against the code that uses the choices."""

import re
from collections import Counter
from dataclasses import dataclass, replace

import pytest
import torch

from hemosweep.ablation.catalogue import find_sweep, sweep_names
from hemosweep.config import ArmConfig, TrainingConfig
from hemosweep.docs.topics import find_topic
from hemosweep.phantom.sizes import SIZES
from hemosweep.sampling import regions
from hemosweep.sampling.restriction import restriction
from hemosweep.sweeps.base import paper
from hemosweep.sweeps.final import final
from hemosweep.sweeps.reading_list import choices_of, count_readings, parts, readings

BY_CHOICE = {reading.choice: reading for reading in readings()}


def covered():
    return [name for reading in readings() for name in reading.covers]


def paper_choices():
    """Fields of every arm of the paper's ablations; `readings` tries other readings, which the list has beside them,
    and the arms of `architecture` and `published` are not the paper's."""
    others = {"readings", "architecture", "published"}
    sweeps = [find_sweep(name) for name in sweep_names() if name not in others]
    return {name for sweep in sweeps for arm in sweep.arms(paper().config) for name in choices_of(arm.config)}


def test_every_field_of_the_paper_s_arms_is_in_one_reading_and_no_other_field_is():
    assert set(covered()) == paper_choices(), "say in sweeps/reading_list how the paper reads for a new field"
    assert max(Counter(covered()).values()) == 1


@dataclass(frozen=True)
class Warm:
    epochs: int = 3


def test_a_field_that_no_reading_covers_is_found():
    config = replace(ArmConfig(), training=replace(TrainingConfig(), schedule=WarmUp()))
    assert set(choices_of(config)) - set(covered()) == {"WarmUp.over", "Warm.epochs"}


@dataclass(frozen=True)
class WarmUp:
    over: Warm = Warm()

    def build(self, *, max_epochs):
        return lambda losses: 1.0


def test_each_reading_says_where_and_why():
    assert len(BY_CHOICE) == len(readings())
    for reading in readings():
        assert re.search(r"\d\.\d|Table \d", reading.where), reading.choice
        assert bool(reading.reason) == (reading.kind != "printed"), reading.choice
        assert bool(reading.alternatives) == (reading.kind == "inferred"), reading.choice
        assert all(reading.value.strip() for reading in readings())
    assert {reading.kind for reading in readings()} == {"printed", "inferred", "changed"}


def test_the_choices_of_the_issue_are_there_with_their_values():
    kinds = {
        "Intensity": ("inferred", "0 to 100 HU"),
        "Dropout rate": ("inferred", "0.2"),
        "Dropout of": ("inferred", "single values"),
        "Batch": ("inferred", "64 patches"),
        "Validation share": ("inferred", "20%"),
        "Adadelta's rho": ("inferred", "0.9"),
        "Centres": ("inferred", "at random"),
        "Grid": ("inferred", "the scanner's"),
        "Symmetric image": ("changed", "mirrored about"),
        "No restrictions (none)": ("inferred", "whole image"),
        "ROI around hematoma OR IVH area (lesion|hyperdense)": ("inferred", "alone, in shares of 30% and 30%"),
        "Region around the hematoma": ("inferred", "10 mm"),
        "Region around the brain's centre": ("inferred", "30 mm"),
        "Slices": ("inferred", "4.5 mm"),
        "Patch": ("printed", "32 x 32 x 16"),
        "Hyperdense region: small ones": ("changed", "3 mL"),
    }
    for choice, (kind, text) in kinds.items():
        assert BY_CHOICE[choice].kind == kind
        assert text in BY_CHOICE[choice].value


@pytest.mark.parametrize(
    ("change", "choice", "value"),
    [
        (lambda c: replace(c, training=replace(c.training, batch_size=48)), "Batch", "48 patches"),
        (lambda c: replace(c, sampling=replace(c.sampling, centres="grid")), "Centres", "on a regular grid"),
        (lambda c: replace(c, network=replace(c.network, dropout=0.3)), "Dropout rate", "0.3"),
        (lambda c: replace(c, network=replace(c.network, channel_dropout=True)), "Dropout of", "whole channels"),
        (
            lambda c: replace(c, preprocessing=replace(c.preprocessing, spacing_HWD_mm=(1.0, 1.0, 5.0))),
            "Grid",
            "1 x 1 x 5 mm",
        ),
        (
            lambda c: replace(c, cross_validation=replace(c.cross_validation, validation_share=0.25)),
            "Validation share",
            "25% of a fold's training cases",
        ),
        (
            lambda c: replace(
                c, sampling=replace(c.sampling, restriction=restriction("lesion|hyperdense", border_share=0.4))
            ),
            "ROI around hematoma OR IVH area (lesion|hyperdense)",
            "negatives from the two regions alone, in shares of 40% and 30%",
        ),
    ],
)
def test_a_changed_configuration_changes_the_list(monkeypatch, change, choice, value):
    monkeypatch.setattr(parts, "final", lambda base: change(final(base)))
    changed = {reading.choice: reading for reading in readings()}
    assert changed[choice].value == value != BY_CHOICE[choice].value
    assert [name for name in changed if changed[name].value != BY_CHOICE[name].value] == [choice]


@pytest.mark.parametrize(("constant", "text"), [("BORDER_MM", "7 mm"), ("MIN_BLOOD_ML", "7 mL"), ("THIN_MM", "7 mm")])
def test_a_changed_constant_changes_the_list(monkeypatch, constant, text):
    choice = "Hyperdense region: what is left out"
    assert text not in BY_CHOICE[choice].value
    monkeypatch.setattr(regions, constant, 7.0)
    assert text in {reading.choice: reading for reading in readings()}[choice].value


def test_the_widths_are_those_of_the_network():
    model = final(paper().config).network.build(in_channels=2)
    widths = sorted({module.out_channels for module in model.modules() if isinstance(module, torch.nn.Conv3d)} - {2})
    assert BY_CHOICE["Levels and widths"].value.startswith("{}, {} and {} channels".format(*widths))


def test_the_phantom_s_slices_lie_as_the_list_says():
    assert BY_CHOICE["Slices"].value.startswith(f"{SIZES['paper'].spacing_DHW_mm[0]:g} mm")


def test_profile_and_documentation_count_the_inferred_choices():
    number = count_readings("inferred")
    assert f"the paper's protocol, with {number} inferred choices" in paper().scaling
    page = " ".join(find_topic("paper").text.split())
    assert f"the paper's protocol, with {number} inferred choices" in page
    assert f"and {count_readings('changed')} changed ones" in page
    assert "to the letter" not in page
