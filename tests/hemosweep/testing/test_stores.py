"""Our stores of runs keep the contract, and the contract finds what breaks it."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from hemosweep.errors import BadInput
from hemosweep.runs import RunsInMemory
from hemosweep.scores.table import CASE_COLUMNS
from hemosweep.testing.stores import FACTS, SCORES, StoreContract, case_rows, config
from hemosweep.tracking.database import database_path
from hemosweep.tracking.reader import MlflowStore
from tests.recorded import Book, in_memory


def table(scores):
    return pd.DataFrame([dict.fromkeys(CASE_COLUMNS, 0.5) | {"patient_id": "n/a"} | row for row in case_rows(scores)])


def good():
    tables = {name: table(scores) for name, scores in SCORES.items()}
    return in_memory(tables, configs={name: config(name) for name in SCORES}, **FACTS)


class TestInMemory(StoreContract):
    def store(self, folder):
        return good()


class TestMlflow(StoreContract):
    @pytest.fixture(autouse=True)
    def _database(self, migrated_database):
        self.database = migrated_database

    def store(self, folder):
        shutil.copyfile(self.database, database_path(folder))
        book = Book(folder)
        for name, scores in SCORES.items():
            book.write(name, table(scores), config=config(name), **FACTS)
        return MlflowStore(folder)


class Broken(RunsInMemory):
    """Runs in memory, and a mistake in one of the answers."""

    __slots__ = ("kind",)

    def list_runs(self, sweep=None):
        runs = RunsInMemory.list_runs(self, None if self.kind == "all" else sweep)
        if self.kind == "newest first":
            return runs[::-1]
        if self.kind == "ids":
            return [replace(run, run_id=run.full_name) for run in runs]
        return [replace(run, status="RUNNING") for run in runs] if self.kind == "status" else runs

    def list_folds(self):
        if self.kind == "folds":
            return {run.run_id: ("a fold",) for run in self.runs}
        return RunsInMemory.list_folds(self)

    def case_rows(self, run_id):
        if self.kind == "no rows":
            return self.rows.get(run_id, [])
        rows = RunsInMemory.case_rows(self, run_id)
        if self.kind == "numbers":
            return [row | {"case_id": int(row["case_id"])} for row in rows]
        if self.kind == "NaN":
            return [row | {"dsc": float("nan") if row["dsc"] is None else row["dsc"]} for row in rows]
        return rows

    def config(self, run_id):
        if self.kind == "config":
            return {}
        return RunsInMemory.config(self, run_id)


def broken(kind):
    whole = good()
    runs = [replace(run, tags={}) for run in whole.runs] if kind == "facts" else whole.runs
    store = Broken(place="here", runs=runs, rows=whole.rows, configs=whole.configs)
    object.__setattr__(store, "kind", kind)
    return store


TESTS = [name for name in dir(StoreContract) if name.startswith("test_")]


@pytest.mark.parametrize("test", TESTS)
def test_what_is_broken_below_is_whole_without_its_mistake(test):
    getattr(StoreContract(), test)(broken(""))


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        ("newest first", "test_it_lists_its_runs_oldest_first"),
        ("status", "test_it_lists_its_runs_oldest_first"),
        ("all", "test_it_lists_the_runs_of_one_sweep"),
        ("all", "test_it_names_the_sweeps_that_it_has"),
        ("ids", "test_its_runs_have_ids_of_their_own"),
        ("numbers", "test_it_gives_each_run_s_cases"),
        ("NaN", "test_what_is_undefined_is_none"),
        ("no rows", "test_it_says_that_a_run_has_no_case_table"),
        ("facts", "test_it_gives_each_run_s_facts_and_configuration"),
        ("config", "test_it_gives_each_run_s_facts_and_configuration"),
        ("folds", "test_its_folds_are_those_of_its_runs"),
    ],
)
def test_a_store_that_breaks_the_contract_fails(kind, test):
    with pytest.raises((AssertionError, BadInput, pytest.fail.Exception)):
        getattr(StoreContract(), test)(broken(kind))
