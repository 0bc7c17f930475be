"""Messages about SQLite databases that cannot be used, on real ones."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from hemosweep import sqlite as databases
from hemosweep.errors import BadInput
from hemosweep.sqlite import check_database, database_url, move_away, reports_database_faults, usable


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
        database.commit()
    return path


class WrappedError(Exception):
    """As the libraries do that stand between us and SQLite."""


def ask(path, statement="SELECT * FROM t"):
    with closing(sqlite3.connect(path, timeout=0)) as database:
        try:
            database.execute(statement)
            database.commit()
        except sqlite3.Error as error:
            raise WrappedError("a page of text") from error


def ask_within_usable(path, statement="SELECT * FROM t"):
    with usable(path):
        ask(path, statement)


def test_a_database_that_is_whole_is_used(path):
    check_database(path)
    with usable(path):
        ask(path)


def test_where_there_is_none_nothing_is_made(tmp_path):
    check_database(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xa5" * 8000])
def test_a_damaged_one_is_named_with_the_way_out(path, content):
    path.write_bytes(content)
    for use in (check_database, ask_within_usable):
        with pytest.raises(BadInput, match="move it away") as raised:
            use(path)
        assert str(raised.value).startswith(f"{path}: file is not a database; ")
        assert "\n" not in str(raised.value)


def test_one_that_another_program_holds_is_named_after_a_while(path, monkeypatch):
    monkeypatch.setattr(databases, "DATABASE_PATIENCE_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BadInput, match="another program holds it"):
            check_database(path)


def test_one_that_is_full_is_named(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA max_page_count = 1")
        with pytest.raises(BadInput, match=r"a\.db: database or disk is full; free some space there"), usable(path):
            database.execute("CREATE TABLE u AS SELECT zeroblob(100000)")


def test_one_that_cannot_be_opened_is_named(as_nobody):
    path = as_nobody / "a.db"
    path.touch()
    path.chmod(0o000)
    with pytest.raises(BadInput, match="unable to open database file; make it and its folder writable"):
        check_database(path)


def test_one_that_is_read_only_is_named(as_nobody):
    path = as_nobody / "a.db"
    ask(path, "CREATE TABLE t (x)")
    path.chmod(0o444)
    check_database(path)
    with pytest.raises(BadInput, match="attempt to write a readonly database; make it and its folder writable"):
        ask_within_usable(path, "INSERT INTO t VALUES (1)")


def test_what_is_wrong_with_the_question_stays_a_defect(path):
    with pytest.raises(WrappedError), usable(path):
        ask(path, "SELECT * FROM nowhere")
    with pytest.raises(ZeroDivisionError), usable(path):
        1 / 0  # noqa: B018


def test_what_was_told_already_stays_as_it_is(path, tmp_path):
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(BadInput, match=r"a\.db: "), usable(tmp_path / "another.db"), usable(path):
        ask(path)


def test_a_method_tells_of_its_owners_database(path):
    class Owner:
        def __init__(self, path: Path) -> None:
            self.path = path

        @reports_database_faults
        def ask(self, statement: str) -> None:
            """Ask."""
            ask(self.path, statement)

    Owner(path).ask("SELECT * FROM t")
    assert Owner.ask.__doc__ == "Ask."
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(BadInput, match=r"a\.db: file is not a database"):
        Owner(path).ask("SELECT * FROM t")


ODD_NAMES = ["my out?x=1 %20#é", "%2520", "a{b}c", ";&=+@:|", "line\nbreak", "q'\"\\z", "~", ".."]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_address_opens_the_database_of_any_name_and_nothing_beside_it(tmp_path, name):
    folder = tmp_path / "outer" / name
    folder.mkdir(parents=True, exist_ok=True)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    engine = sqlalchemy.create_engine(database_url(folder / "a.db"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (x)"))
    engine.dispose()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == {(folder / "a.db").resolve()}


def leave_hot_journal(path):
    """A transaction that a killed process leaves half in the database and half in the journal."""
    script = f"""
import os, sqlite3
database = sqlite3.connect({str(path)!r}, isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
database.executemany("INSERT INTO t VALUES (?)", [("x" * 4000,)] * 200)
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0


def test_a_journal_that_was_left_behind_is_named_and_nothing_is_made(path, tmp_path):
    leave_hot_journal(path)
    away = path.rename(tmp_path / "away.db")
    journal = tmp_path / "a.db-journal"
    before = journal.read_bytes()
    with pytest.raises(BadInput) as raised:
        check_database(path)
    assert str(raised.value) == (
        f"{path}: was moved away without its a.db-journal, which would damage a new one; move that to the same place, "
        "or delete it if the database is gone for good"
    )
    assert (path.exists(), journal.read_bytes()) == (False, before)
    journal.rename(tmp_path / "away.db-journal")
    check_database(path)
    with closing(sqlite3.connect(away)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_advice_to_move_a_database_away_names_every_file_of_it(path):
    assert move_away(path) == "move it away"
    for ending in ("-journal", "-wal", "-shm"):
        path.with_name(f"a.db{ending}").touch()
    assert move_away(path) == "move it away together with a.db-journal and a.db-wal and a.db-shm"
    linked = path.with_name("linked.db")
    linked.symlink_to(path)
    assert "a.db-journal" in move_away(linked), "SQLite keeps them beside the file that is linked to"


def test_a_database_that_its_journal_heals_is_used(path):
    leave_hot_journal(path)
    check_database(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
