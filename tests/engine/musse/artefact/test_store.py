"""A compiled engine on disk: any file that differs from the written one is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import EngineUnavailable
from engine.musse.artefact import store
from engine.musse.artefact.facts import key_of
from engine.musse.artefact.store import BENCHMARK, ENGINE, MANIFEST, PARITY, Artefact

FACTS = {"graph": "g", "card": "RTX 4060", "shapes": [["torch.float32", 2, 3]]}
ARTEFACT = Artefact(
    key=key_of(FACTS),
    facts=FACTS,
    status="verified",
    inputs={"a": 0},
    outputs=("b",),
    subject={"policy": "fp32"},
)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return store.write(tmp_path / "engines", ARTEFACT, bytes(range(256)) * 4, {"pairs": 64}, {"p99_ms": 1.0})


def test_an_engine_is_read_as_it_was_written(built: Path) -> None:
    assert store.read(built) == ARTEFACT
    assert store.content(built, PARITY) == {"pairs": 64}
    assert list(store.folders(built.parent)) == [built]
    assert [path.name for path in built.parent.iterdir()] == [built.name]  # nothing half written is left


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        text = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps({**text, **changes}))

    return edit


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "one bit": (lambda f: flip(f / ENGINE), "was changed: engine.bin"),
    "cut": (lambda f: (f / ENGINE).write_bytes((f / ENGINE).read_bytes()[:-1]), "changed: engine.bin"),
    "parity": (lambda f: (f / PARITY).write_text("{}"), "was changed: parity.json"),
    "missing": (lambda f: (f / BENCHMARK).unlink(), "cannot be read"),
    "added": (lambda f: (f / "more").write_text(""), "was changed: more"),
    "manifest cut": (lambda f: (f / MANIFEST).write_text("{"), "cannot be read"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), "cannot be read"),
    "manifest edited": (edited(status="unverified"), "was changed: manifest.json"),
    "other facts": (edited(facts={**FACTS, "card": "RTX 3050"}), "was changed: manifest.json"),
    "later version": (edited(format_version=2), "of another version"),
    "foreign": (edited(format="other"), "of another version"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_engine_is_refused(built: Path, damage: str) -> None:
    hurt, words = DAMAGE[damage]
    hurt(built)
    with pytest.raises(EngineUnavailable, match=words) as refusal:
        store.read(built)
    assert "\n" not in str(refusal.value)


def test_an_engine_under_another_name_is_refused(built: Path) -> None:
    other = built.parent / key_of({})[:24]
    shutil.copytree(built, other)
    with pytest.raises(EngineUnavailable, match="was not built for what its name states"):
        store.read(other)


def test_an_interrupted_write_leaves_the_engine_that_was_there(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "digest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write(built.parent, replace(ARTEFACT, status="refused"), b"other")
    monkeypatch.undo()
    assert store.read(built).status == "verified"
    assert list(store.folders(built.parent)) == [built]


def test_two_builds_of_one_engine_may_end_at_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove = store.remove

    def while_another_is_put_there(folder: Path) -> None:
        remove(folder)
        monkeypatch.setattr(store, "remove", remove)
        store.write(built.parent, ARTEFACT, b"the other's")

    monkeypatch.setattr(store, "remove", while_another_is_put_there)
    store.write(built.parent, replace(ARTEFACT, status="refused"), b"ours")
    assert store.read(built).status == "refused"
    assert list(built.parent.iterdir()) == [built]


def test_a_newer_build_replaces_the_older(built: Path) -> None:
    assert store.write(built.parent, replace(ARTEFACT, status="refused"), b"other") == built
    assert store.read(built).status == "refused"
    assert list(store.folders(built.parent)) == [built]
