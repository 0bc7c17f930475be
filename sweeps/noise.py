"""Seed noise (A/A): how far does the mean score move when nothing but the seed changes?

One arm, `baseline`: the profile as it stands, which is `32x32x16` of `patchsize` and `brain+lesion+center` of
`sampling`, trained with three seeds or more. A difference between two arms that new seeds alone could make is no
finding about the arms: `hemosweep compare` puts this spread beside every difference.

Command: `make sweep-noise` (`SEEDS=5` for more). Expected cost: a minute or two on two cores in the demo profile; five
full trainings a seed in the paper profile, those of the first seed shared with `patchsize`.
"""

from hemosweep.ablation.sweep import Sweep

SWEEP = Sweep(
    name="noise",
    question="How far does the mean score move when nothing but the seed changes?",
    space={"arm": ("baseline",)},
    arm_name=lambda params: params["arm"],
    configure=lambda base, params: base,
    baseline="baseline",
    comparisons=(),
    num_seeds=3,
)
