"""Names of labels and metrics in files of other programs."""

from hemosweep.scores.file_labels import our_names, their_name

NAMES = {"dsc": "Dice", "hd95_mm": "HD 95"}


def test_a_metric_is_found_by_our_name_an_alias_or_its_own_name_in_any_case():
    known = ["Dice", "HD 95", "Recall", "x", "X"]
    for metric, name in (
        *(("dsc", "Dice"), ("DSC", "Dice"), ("dice", "Dice"), ("haus95", "HD 95"), ("hd 95", "HD 95")),
        *(("recall", "Recall"), ("Recall", "Recall"), ("x", "x"), ("X", "X"), ("nsd", "nsd")),
    ):
        assert their_name(metric, NAMES, known) == name


def test_metrics_are_told_by_our_names_once_each():
    assert our_names(["Recall", "Dice", "Recall", "HD 95"], NAMES) == "Recall, dsc, hd95_mm"
