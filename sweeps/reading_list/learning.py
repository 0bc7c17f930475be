"""Choices of the network, its training and its test."""

from collections.abc import Iterator

from hemosweep.config import ArmConfig
from hemosweep.model.losses.focal import Focal
from hemosweep.model.networks.se_unet import SEUNet3D
from hemosweep.model.optimisers.adadelta import Adadelta
from hemosweep.sweeps.reading_list.reading import LABORATORY, Reading, changed, inferred, percent, printed


def network_choices(config: ArmConfig) -> Iterator[Reading]:
    network = config.network
    assert isinstance(network, SEUNet3D)
    yield printed(
        "Network",
        "3D U-Net of single 3 x 3 x 3 convolutions, squeeze-and-excitation after encoder and decoder",
        "2.2.2",
        "ArmConfig.network",
        "SEUNet3D.se",
    )
    yield inferred(
        "Levels and widths",
        f"{network.width}, {2 * network.width} and {3 * network.width} channels on three levels",
        "2.2.2, Fig. 3",
        "with the next two choices it gives the printed 2,263,042 parameters to the unit",
        "none that is known to give this number",
        "SEUNet3D.width",
    )
    yield inferred(
        "Normalisation",
        "batch normalisation after every convolution, which has no bias",
        "2.2.2",
        "the number of parameters",
        "none; biases",
    )
    yield inferred(
        "Reduction ratio of the excitation",
        f"{network.reduction}, without biases",
        "2.2.2, Fig. 3",
        "the number of parameters, and the ratio of Hu et al. 2018",
        "2 to 32 (search-network)",
        "SEUNet3D.reduction",
    )
    yield inferred(
        "Dropout rate",
        f"{network.dropout:g}",
        "2.2.2",
        f"dropout has its places printed and no rate; {LABORATORY} has this one",
        "0.1 to 0.5",
        "SEUNet3D.dropout",
    )
    yield inferred(
        "Dropout of",
        "whole channels" if network.channel_dropout else "single values",
        "2.2.2",
        '"dropout" alone is PyTorch\'s layer of single values',
        f"whole channels, as in {LABORATORY}; an arm of readings",
        "SEUNet3D.channel_dropout",
    )


def training_choices(config: ArmConfig) -> Iterator[Reading]:
    training, optimiser, folds = config.training, config.training.optimiser, config.cross_validation
    assert isinstance(optimiser, Adadelta)
    yield printed("Loss", "Dice and cross-entropy", "3.2, 3.6", "TrainingConfig.loss")
    yield inferred(
        "Form of the loss",
        "sum of the soft Dice loss, of both classes over the batch, and the mean cross-entropy",
        "2.2.3",
        "only the combination is named; this is its most common form",
        f"generalised Dice and cross-entropy, as in {LABORATORY}; an arm of readings",
    )
    yield inferred(
        "Focal loss",
        f"gamma {Focal().gamma:g}, no alpha",
        "2.2.3, 3.2",
        "no number is printed; gamma is that of Lin et al. 2017",
        "0.5 to 5 (search-training); alpha 0.25",
        "Focal.gamma",
    )
    yield printed("Optimiser", "Adadelta", "2.2.3", "TrainingConfig.optimiser")
    yield inferred(
        "Adadelta's rho",
        f"{optimiser.rho:g}",
        "2.2.3",
        "no number is printed; PyTorch's default",
        f"0.95, as in Zeiler 2012 and {LABORATORY}; an arm of readings",
        "Adadelta.rho",
    )
    yield inferred(
        "Learning rate",
        f"{optimiser.learning_rate:g} throughout, weight decay {optimiser.weight_decay:g}",
        "2.2.3",
        '"did not require manual tuning of the learning rate"; PyTorch\'s defaults',
        "0.05 to 5 (search-training)",
        "Adadelta.learning_rate",
        "Adadelta.weight_decay",
        "TrainingConfig.schedule",
    )
    yield inferred(
        "Batch",
        f"{training.batch_size} patches",
        "2.2.3",
        "no number is printed",
        f"32, as in {LABORATORY}",
        "TrainingConfig.batch_size",
    )
    yield printed("Epochs", f"at most {training.max_epochs}", "2.2.3", "TrainingConfig.max_epochs")
    yield printed(
        "Patience", f"{training.patience} epochs without a lower validation loss", "2.2.3", "TrainingConfig.patience"
    )
    yield inferred(
        "Validation loss and kept epoch",
        "the loss of patches drawn from the validation cases as in training; the epoch of its minimum is kept",
        "2.2.3",
        "only a validation set and early stopping are named",
        "whole validation images; the last epoch",
    )
    yield inferred(
        "Validation share",
        f"{percent(folds.validation_share)} of a fold's training cases",
        "2.2.3, 2.3",
        "61 cases train and 15 test; the share of the 61 that validates is not printed",
        f"25%, as in {LABORATORY}",
        "CrossValidationConfig.validation_share",
    )
    yield printed("Folds", f"{folds.num_folds}, each case tested once", "2.3", "CrossValidationConfig.num_folds")
    yield inferred(
        "Split",
        f"patients kept together, IVH spread evenly, drawn by seed {folds.fold_seed}",
        "2.3",
        "nothing is printed of how the cases were split",
        "another draw (REPEATS)",
        "CrossValidationConfig.fold_seed",
    )
    yield changed(
        "Arithmetic",
        "bf16 where the GPU has it, else float32; the same bits each time only on the CPU or with --deterministic",
        "2.2.4",
        "today's GPUs are faster with it",
        "TrainingConfig.deterministic",
    )


def testing_choices(config: ArmConfig) -> Iterator[Reading]:
    yield inferred(
        "Overlap of test patches",
        f"the fewest patches, evenly spread, that share more than {percent(config.inference.overlap)}",
        "2.2.3",
        '"more than 50%" has no exact number',
        f"up to 95%, as in {LABORATORY}",
        "InferenceConfig.overlap",
    )
    yield changed(
        "Tested part of the image",
        "patches that hold brain; in none the whole image",
        "2.2.3",
        "the paper tests the whole image, most of whose patches show no brain; training drew nothing there",
    )
    yield inferred(
        "Overlapping patches",
        "the mean of their probabilities",
        "2.2.3",
        '"a predicted probability for each voxel" does not say how patches are joined',
        "their maximum; weights that fall off to the patch's border",
    )
    yield printed(
        "Mask and score",
        "the class of the larger probability; DSC on the scanner's grid",
        "2.2.3, 2.3",
        "InferenceConfig.threshold",
        "InferenceConfig.postprocessing",
    )
