"""Every block of the README and of the documentation, as it is written.

A block belongs to a rule by its language and its commands, and one that belongs to none fails. Commands that read are
run; those that train, serve or write, or need a cluster or files of the user, are parsed by the programs that they
call; the slow tests train the longest ones.
"""

import inspect
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import click
import pytest
import typer.main

from hemosweep import cli
from hemosweep.ablation.catalogue import known_sweeps
from hemosweep.cli.app import app
from hemosweep.data import parallel
from hemosweep.docs.topics import topics
from hemosweep.sweeps import base
from tests.documents import DOCUMENTS, ROOT, blocks, commands
from tests.e2e.conftest import parsers

README = DOCUMENTS[0]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
VARIABLES = {*re.findall(r"^## ([A-Z_]+)=", MAKEFILE, re.MULTILINE)}
RUN = {"clean", "compare", "compare-all", "docs", "power", "runs", "status", "verify"}
"""Commands that read what is there: they are run, each in a folder with recorded runs, unless they name a server."""
COMPARED = {"dropout": ("dropout_0.0", "dropout_0.3"), "tversky": ("dice_ce", "tversky")}
"""The sweeps whose files are in the documentation, and their declared comparisons."""
FOREIGN = {"kill", "nnUNetv2_plan_and_preprocess", "nnUNetv2_train", "sbatch", "scancel"}
"""Programs that are not here."""


@pytest.fixture(scope="module")
def command_line():
    return parsers(app)


@pytest.fixture(autouse=True)
def any_data_folder(monkeypatch):
    """A document's data sets are the reader's, not here."""
    monkeypatch.setattr("hemosweep.cli.options.check_data_folder", lambda path: None)


def parse(command, words):
    """Parse the words as the program does, down to the last command; nothing is run."""
    context = command.make_context(command.name or "", list(words))
    while isinstance(context.command, click.Group) or hasattr(context.command, "commands"):
        name, found, words = context.command.resolve_command(context, context._protected_args + context.args)
        context = found.make_context(name, words, parent=context)
    return context


def made(words):
    """Commands that make would run; its variables are among those that make help lists."""
    given = {word.partition("=")[0] for word in words if "=" in word}
    assert given <= VARIABLES, f"make has no variable {given - VARIABLES}"
    done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line for line in commands(done.stdout) if line[0] == ".venv/bin/hemosweep"]


def hemosweep_commands(words):
    """The commands of hemosweep that a command of a document is, directly or by make; none of a foreign program."""
    match words:
        case ["make", *_]:
            return [own[1:] for own in made(words) if "$" not in "".join(own)]
        case ["hemosweep" | ".venv/bin/hemosweep", *rest]:
            return [rest]
        case [".venv/bin/dask", ("scheduler" | "worker") as kind, *rest]:
            check_dask(kind, rest)
        case ["sbatch", *rest]:
            for own in commands(rest[rest.index("--wrap") + 1]):
                assert hemosweep_commands(own[1:] if own[0] == "exec" else own) == []
        case [program, *_]:
            assert program in FOREIGN, f"no rule for {program}; add one here"
    return []


def called(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["hemosweep", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert not ended.value.code, f"{words}: {printed.err}"
    return printed.out


def check_dask(kind, words):
    from distributed.cli import dask_scheduler, dask_worker

    parser = dask_scheduler.main if kind == "scheduler" else dask_worker.main
    known = {option for parameter in parser.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


# --- Blocks -----------------------------------------------------------------------------------------------------------


def test_each_block_belongs_to_a_rule():
    for block in blocks():
        if block.language == "text":
            layout = all(line.startswith("DATASET/") for line in block.text.splitlines())
            assert block.printed or layout, f"{block.place}: text that is neither printed by a script nor a layout"
        else:
            assert block.language in {"sh", "python"}, f"{block.place}: a block in {block.language!r}"
            assert not block.printed, block.place


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.place)
def test_each_command_is_one_that_its_program_takes(block, command_line):
    assert subprocess.run(["bash", "-n"], input=block.text, text=True, check=False).returncode == 0
    found = commands(block.text)
    assert found
    for words in found:
        for own in hemosweep_commands(words):
            parse(command_line, own)
            if own[0] in {"sweep", "plan", "power", "compare-all"} and "mlflow:" not in own[1]:
                name = own[1].removesuffix(".py")
                assert name in COMPARED or name in known_sweeps(), f"no sweep {name}"


@pytest.fixture(scope="module")
def here(recorded, tmp_path_factory):
    """A folder with runs and score files of the documentation's names."""
    folder = tmp_path_factory.mktemp("documents")
    shutil.copytree(recorded.out, folder / "runs")
    scores = {f"case{number}": 0.7 + number / 100 for number in range(6)}
    lines = [f"{case},{score - 0.02 * place}" for place, (case, score) in enumerate(scores.items())]
    (folder / "ours.csv").write_text("\n".join(["case_id,dsc", *lines]) + "\n")
    rows = [
        {"metrics": {"1": {"Dice": score}}, "prediction_file": f"{case}.nii.gz", "reference_file": f"{case}.nii.gz"}
        for case, score in scores.items()
    ]
    (folder / "summary.json").write_text(json.dumps({"metric_per_case": rows}))
    return folder


def reading():
    """Every command of the documentation that is run, once."""
    found = [own for block in blocks("sh") for words in commands(block.text) for own in hemosweep_commands(words)]
    kept = [tuple(own) for own in found if own[0] in RUN and "--watch" not in own and "http" not in " ".join(own)]
    return [own for own in dict.fromkeys(kept) if own[-1] not in COMPARED and own[1:2] != ("se/unet",)]


def test_each_command_that_reads_runs_as_it_is_written(here, monkeypatch, capsys):
    monkeypatch.chdir(here)
    monkeypatch.setattr(typer.main, "get_command", parsers)
    run = reading()
    assert {own[0] for own in run} >= {"compare", "compare-all", "power", "runs", "status"}
    for own in run:
        assert called(own, monkeypatch, capsys), own


# --- Python -----------------------------------------------------------------------------------------------------------


def sweep_blocks():
    return {re.search(r'name="(\w+)"', block.text)[1]: block for block in blocks("python") if "SWEEP = " in block.text}


def test_each_python_block_belongs_to_a_rule():
    of_sweeps = sweep_blocks()
    assert {*of_sweeps} == {*COMPARED}
    others = [block for block in blocks("python") if block not in of_sweeps.values()]
    contracts = [block for block in others if "Contract" in block.text]
    (api,) = [block for block in others if block not in contracts]
    assert "run_sweep(options)" in api.text, "run by tests/test_python_api.py"
    assert api.document == README


def test_the_tests_of_a_component_run_as_they_are_written():
    (block,) = [block for block in blocks("python") if "Contract" in block.text]
    names = {"__name__": "tversky"}
    with pytest.MonkeyPatch.context() as patch:
        module = type(sys)("tversky")
        patch.setitem(sys.modules, "tversky", module)
        exec(compile(sweep_blocks()["tversky"].text, "tversky.py", "exec"), module.__dict__)
        names |= module.__dict__
        exec(compile(block.text, "test_tversky.py", "exec"), names)
        tests = [test for name, test in inspect.getmembers(names["TestTversky"]()) if name.startswith("test_")]
        assert len(tests) > 5
        for test in tests:
            if test.__name__ != "test_its_record_keeps_it":  # which asks for a file
                test()


def short_demo(monkeypatch, num_cases):
    """The demo's profile with two epochs and few phantoms."""
    demo = base.demo()
    short = replace(demo.config, training=replace(demo.config.training, max_epochs=2))
    monkeypatch.setitem(base.PROFILES, "demo", lambda: replace(demo, phantom_cases=num_cases, config=short))
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", lambda jobs, **options: ThreadPoolExecutor(1))


@pytest.mark.parametrize("name", COMPARED)
def test_a_sweep_of_one_s_own_has_its_arms_in_both_profiles(name, monkeypatch):
    module = type(sys)(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(sweep_blocks()[name].text, f"{name}.py", "exec"), module.__dict__)
    for profile in (base.demo(), base.paper()):
        assert {arm.name for arm in module.SWEEP.arms(profile.config)} == {*COMPARED[name]}


@pytest.mark.parametrize(
    ("name", "last"),
    [("tversky", "plan"), *(pytest.param(name, "report", marks=pytest.mark.slow) for name in COMPARED)],
)
def test_the_commands_of_a_sweep_of_one_s_own_run_as_they_are_written(name, last, tmp_path, monkeypatch, capsys):
    short_demo(monkeypatch, 6)
    monkeypatch.chdir(tmp_path)
    block = sweep_blocks()[name]
    (tmp_path / f"{name}.py").write_text(block.text)
    script = next(one for one in blocks("sh") if one.document == block.document and one.line > block.line)
    own = [words[1:] for words in commands(script.text)]
    names = [words[0] for words in own]
    assert names == ["plan", "sweep", "compare-all", "report"]
    printed = "".join(called(words, monkeypatch, capsys) for words in own[: names.index(last) + 1])
    assert f"forecast for {name}" in printed
    if last == "report":
        assert " to ".join(COMPARED[name]) in printed
        assert (tmp_path / "runs" / "report" / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_commands_of_is_it_real_train_and_read_as_they_are_written(here, tmp_path, monkeypatch, capsys):
    short_demo(monkeypatch, 6)
    for name in ("ours.csv", "summary.json"):
        shutil.copyfile(here / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (block,) = [one for one in blocks("sh") if one.document == README and "SEEDS=auto" in one.text]
    all_own = [own for words in commands(block.text) for own in hemosweep_commands(words)]
    assert [own[0] for own in all_own][:2] == ["sweep", "sweep"]
    for own in all_own:
        if "auto" not in own:  # up to 12 seeds
            called(own, monkeypatch, capsys)
    assert (tmp_path / "runs" / "report" / "index.html").is_file()


# --- Names, links and lengths -----------------------------------------------------------------------------------------


def test_each_command_and_target_in_the_text_is_there(command_line):
    targets = {*re.findall(r"^([a-z][a-z-]*)(?:-%)?:", MAKEFILE, re.MULTILINE)}
    names = {name.name for name in topics()}
    groups = {name for name, found in command_line.commands.items() if hasattr(found, "commands")}
    for document in DOCUMENTS:
        text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for inline in re.findall(r"`([^`]+)`", text):
            words = inline.split()
            if words[0] == "hemosweep" and len(words) > 1 and words[1][0] not in "-[":
                assert words[1] in command_line.commands, f"{document.name}: {inline}"
                if words[1] in groups and len(words) > 2:
                    assert command_line.commands[words[1]].get_command(None, words[2]), f"{document.name}: {inline}"
                if words[1] == "docs" and len(words) > 2:
                    assert words[2] in names, f"{document.name}: {inline}"
            if words[0] == "make" and len(words) > 1:
                assert words[1] in targets or words[1].startswith(("sweep-", "plan-")), f"{document.name}: {inline}"


def test_each_link_leads_to_a_file():
    for document in DOCUMENTS:
        for address in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
            if "://" not in address:
                assert (document.parent / address).is_file(), f"{document.name}: {address}"


def test_the_readme_is_short_names_every_topic_and_has_one_light_picture():
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") <= 250
    assert {topic.name for topic in topics()} == {*re.findall(r"hemosweep/docs/(\w+)\.md", text)}
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert (ROOT / picture).stat().st_size < 300_000


def test_no_line_but_a_table_s_is_longer_than_the_page():
    for document in DOCUMENTS:
        for line in document.read_text(encoding="utf-8").splitlines():
            assert len(line) <= 120 or line.startswith(("|", "!")), f"{document.name}: {line}"


def test_each_topic_begins_with_its_title():
    assert [topic.name for topic in topics() if not topic.text.startswith(f"# {topic.title}\n\n")] == []
