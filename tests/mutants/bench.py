"""The mutants of an area, what its tests do without one, and what came of each so far."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.areas import Area, files
from tests.mutants.mutate import Mutant, mutants_of

SLOW_S = 5.0
"""A test that takes a processor for longer is none of the fast ones."""


@dataclass(kw_only=True, slots=True)
class Bench:
    """An area on the bench: its texts, its sample of mutants, and what its tests do without a mutant."""

    area: Area
    texts: dict[str, str]
    tests: dict[str, str]
    """Digest of each file of tests."""
    mutants: list[Mutant]
    equivalent: int
    seconds: dict[str, float] = field(default_factory=dict)
    entered: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @property
    def tests_digest(self) -> str:
        return digest(json.dumps(self.tests))

    def key(self, mutant: Mutant) -> str:
        return f"{mutant.module}:{digest(self.texts[mutant.module])}:{mutant.place}:{mutant.variant}"

    def order(self, mutant: Mutant) -> dict[str, float]:
        """The seconds of each fast test that enters the mutant's function; of all where it runs at import."""
        place = (mutant.module, mutant.function)
        everywhere = not mutant.function or place in self.entered[""]
        return {
            test: seconds
            for test, seconds in self.seconds.items()
            if seconds < SLOW_S and (everywhere or place in self.entered[test])
        }


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_equivalent(path: Path) -> dict[str, str]:
    """Mutants that no test can tell from the code, each with a reason: a line `MODULE | LINE | CHANGE | REASON`."""
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [line.rpartition(" | ") for line in lines if line.strip() and not line.startswith("#")]
    return {name: reason for name, _, reason in entries}


def sample(areas: Sequence[Area], root: Path, number: int, known: dict[str, str]) -> list[Bench]:
    """As many mutants of each area, as far as it has them. Its own text alone decides a mutant's turn."""
    benches, waiting = [], []
    for area in areas:
        texts = {path: (root / path).read_text() for path in files(root, area.modules)}
        tests = {path: digest((root / path).read_text()) for path in files(root, area.tests)}
        every = [mutant for path, text in texts.items() for mutant in mutants_of(path, text)]
        waiting.append(sorted(every, key=lambda mutant: (digest(mutant.name), mutant.place)))
        benches.append(Bench(area=area, texts=texts, tests=tests, mutants=[], equivalent=0))
    while number > 0 and any(waiting):
        for bench, mutants in zip(benches, waiting, strict=True):
            if mutants and number > 0:
                mutant = mutants.pop(0)
                number -= 1
                if mutant.name in known:
                    bench.equivalent += 1
                else:
                    bench.mutants.append(mutant)
    return benches


class Results:
    """Results in a file of the cache, written after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_key: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def add(self, key: str, result: Any) -> None:
        self.by_key[key] = result
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.by_key, indent=1))
        part.replace(self.path)

    def of(self, bench: Bench, mutant: Mutant) -> Any:
        """Earlier result of a mutant, as long as the test that killed it is as it was; of a survivor, all tests."""
        result = self.by_key.get(bench.key(mutant))
        if result is None:
            return None
        file = result["failed"].partition("::")[0]
        same = bench.tests.get(file) == result["file"] if file else bench.tests_digest == result["tests"]
        return result if same else None
