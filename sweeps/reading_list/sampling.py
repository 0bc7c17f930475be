"""Choices of the patch sampling."""

from collections.abc import Iterator

from hemosweep.config import ArmConfig
from hemosweep.sampling.restriction import BONE_FROM_HU, BrainCenter, Hyperdense, LesionBorder, restriction
from hemosweep.sweeps.augmentation import NUM_VIEWS
from hemosweep.sweeps.reading_list.reading import LABORATORY, Reading, changed, inferred, percent, printed, size


def sampling_choices(config: ArmConfig) -> Iterator[Reading]:
    from hemosweep.sampling.regions import BORDER_MM, MIN_BLOOD_ML, RIM_MM, THIN_MM

    sampling, border, center, blood = config.sampling, LesionBorder(), BrainCenter(), Hyperdense()
    shares = restriction("brain+lesion+hyperdense").shares
    both = sampling.restriction.shares
    yield printed("Patch", f"{size(sampling.patch_HWD)} voxels", "2.2.3", "SamplingConfig.patch_HWD")
    yield printed("Patches a case", f"{sampling.num_patches_per_case}", "2.2.3", "SamplingConfig.num_patches_per_case")
    yield printed("Balance", "half of the centres on the lesion, half off it", "2.2.1")
    yield printed(
        "Centres off the lesion",
        "in the brain, with forced shares from its regions",
        "2.2.1",
        "SamplingConfig.restriction",
    )
    yield printed(
        "Augmentation",
        f"{NUM_VIEWS} views of a patch in augmentation; {'used' if sampling.augment else 'not used'} in the end",
        "2.2.1, 3.6",
        "SamplingConfig.augment",
        "SamplingConfig.transforms",
    )
    yield inferred(
        "Centres",
        {"random": "drawn at random, with replacement", "grid": "on a regular grid", "whole": "one a case, its middle"}[
            sampling.centres
        ],
        "2.2.1",
        '"extracted uniformly" may mean either',
        f"a regular grid, as in {LABORATORY}; an arm of readings",
        "SamplingConfig.centres",
    )
    yield inferred(
        "No restrictions (none)",
        "the whole image, the air around the head included; tested on the whole image",
        "3.3, Table 3",
        "the step to the brain mask is the paper's largest effect, and the brain is a small part of an image",
        "the head's box",
    )
    yield printed("Share from around the hematoma", percent(shares["lesion_border"]), "3.3", "Restriction.regions")
    yield inferred(
        "Share from the ventricles",
        percent(shares["hyperdense"]),
        "2.2.1",
        '"the fraction" has no number; that of the hematoma is taken',
        "any (search-sampling)",
    )
    yield inferred(
        "Region around the hematoma",
        f"brain within a cube of {border.half_width_mm:g} mm half-width around a lesion voxel",
        "3.3",
        '"a cubic volume around the hematoma borders" has no width',
        "any width (search-sampling); the border's inner side as well",
        "LesionBorder.half_width_mm",
    )
    yield inferred(
        "Region around the brain's centre",
        f"brain within a cube of {center.half_width_mm:g} mm half-width",
        "2.2.1, 3.3",
        "a cubic region has no width; this one holds the ventricles",
        "any width (search-sampling)",
        "BrainCenter.half_width_mm",
    )
    yield inferred(
        "Hyperdense region (the IVH area): threshold",
        f"above {blood.above_hu:g} and below {BONE_FROM_HU:g} HU, smoothed by 1 mm in plane",
        "2.2.1",
        '"an empirically found threshold" has no number',
        "any threshold",
        "Hyperdense.above_hu",
    )
    yield inferred(
        "Hyperdense region: what is left out",
        f"the brain's outer {BORDER_MM:g} mm, the lesion's rim of {RIM_MM:g} mm, "
        f"what is thinner than {THIN_MM:g} mm or smaller than {MIN_BLOOD_ML:g} mL",
        "2.2.1",
        "brain borders and midlines are excluded by size, without numbers",
        "any sizes",
    )
    yield changed(
        "Hyperdense region: small ones",
        f"a share in proportion to the volume below {blood.full_share_ml:g} mL",
        "2.2.1",
        "in cases without IVH a few voxels of noise would give up to half of the negatives",
        "Hyperdense.full_share_ml",
    )
    yield inferred(
        "A region without a voxel",
        "the case's other regions take its share in proportion",
        "2.2.1",
        "85% of the cases have no IVH, and nothing is said of their share; such cases are counted on the run",
        "the whole brain takes it",
    )
    yield inferred(
        "ROI around hematoma OR IVH area (lesion|hyperdense)",
        "negatives from the two regions alone, in shares of " + " and ".join(percent(both[name]) for name in both),
        "2.2.1, 3.6, Table 4",
        '"extracting the background patches only from the defined ROI"',
        "30% from their union and the rest from the brain; in a case with IVH from there alone; arms of readings",
    )
    yield inferred(
        "Sampling where a section prints none",
        "that of the row with the same figures: brain+lesion+center in patchsize; brain+lesion in angio",
        "3.3, 3.4",
        "0.842 is in Fig. 6 and Table 3; no row has the figures of the angiography's 66 cases",
        "any row of Table 3",
    )
