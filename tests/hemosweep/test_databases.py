"""Messages about SQLite databases that cannot be used, on real ones."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hemosweep import sqlite as databases
from hemosweep.errors import BadInput
from hemosweep.sqlite import check_database, reports_database_faults, usable


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
