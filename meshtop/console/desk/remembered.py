"""What the console remembers between runs: order and columns of tables, theme, place, saved views and bookmarks.

One small JSON file in the state folder, the user's alone (0600). It takes its name when it is whole, and a change is
made to what the file says by then, so that two consoles lose nothing of each other; fields that a newer version wrote
are kept. Nothing depends on it: where it cannot be read or written, `problem` says why, and the console is as it is
without one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field, structs

from meshtop.model.text import clean
from meshtop.sources.problem import NOT_UNDERSTOOD, error_text
from meshtop.views.picture.query import Query

FILE = "console.json"
MOST_BYTES = 1_000_000
MOST_VIEWS, MOST_BOOKMARKS, MOST_KINDS = 200, 500, 100
LONGEST_NAME = 60
_TRIES, _WAIT_SECONDS = 5, 0.01
"""Another console holds the file for a moment only; who waits longer writes anyway."""
Value = TypeVar("Value")
_UNKNOWN_THEN = "what the console remembered is not known, and it begins anew"


class SavedView(Struct, frozen=True, rename="camel", kw_only=True):
    """A page with its scope, filter, order and columns, under a name."""

    name: str
    kind: str
    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    tenant: str | None = None
    filter: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()

    @property
    def query(self) -> Query:
        """Its scope and filter."""
        return Query(clusters=self.clusters, namespaces=self.namespaces, tenant=self.tenant, filter=self.filter)


class BookmarkedThing(Struct, frozen=True):
    """A thing that is marked, by its kind and key."""

    kind: str
    key: str


class ConsoleState(Struct, frozen=True, rename="camel", kw_only=True):
    """All that is remembered; `sorts` and `columns` by kind."""

    sorts: dict[str, str] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    theme: str | None = None
    place: str = ""
    views: tuple[SavedView, ...] = ()
    bookmarks: tuple[BookmarkedThing, ...] = ()

    def sorted_by(self, kind: str, sort: str) -> ConsoleState:
        """With another order of a kind's rows."""
        return structs.replace(self, sorts=_latest({**self.sorts, kind: sort}))

    def with_columns(self, kind: str, columns: tuple[str, ...]) -> ConsoleState:
        """With other columns of a kind; none are the kind's own."""
        others = {name: names for name, names in self.columns.items() if name != kind}
        return structs.replace(self, columns=_latest({**others, **({kind: columns} if columns else {})}))

    def with_view(self, view: SavedView) -> ConsoleState:
        """With a view, in the place of one of its name."""
        others = tuple(one for one in self.views if one.name != view.name)
        return structs.replace(self, views=(*others, view)[-MOST_VIEWS:])

    def without_view(self, name: str) -> ConsoleState:
        """Without the view of a name."""
        return structs.replace(self, views=tuple(one for one in self.views if one.name != name))

    def turned(self, bookmark: BookmarkedThing) -> ConsoleState:
        """With a bookmark that was not there, without one that was."""
        others = tuple(one for one in self.bookmarks if one != bookmark)
        added = () if len(others) < len(self.bookmarks) else (bookmark,)
        return structs.replace(self, bookmarks=(*others, *added)[-MOST_BOOKMARKS:])

    def view(self, name: str) -> SavedView | None:
        """The view of a name."""
        return next((one for one in self.views if one.name == name), None)

    def marked(self, kind: str) -> frozenset[str]:
        """The keys of a kind's bookmarks."""
        return frozenset(one.key for one in self.bookmarks if one.kind == kind)


_KNOWN = frozenset(one.encode_name for one in msgspec.structs.fields(ConsoleState))


def view_name(text: str) -> str:
    """A name for a view from what was typed. Raises ValueError for an empty one."""
    name = " ".join(clean(text).split())[:LONGEST_NAME].rstrip()
    if not name:
        raise ValueError("give the view a name, such as: shop by errors")
    return name


class ConsoleMemory:
    """The file of one user on one machine; without a path, and with `writes` off, nothing is kept between runs."""

    def __init__(self, path: Path | None = None, *, writes: bool = True) -> None:
        self.problem = ""
        self.writes = writes and path is not None
        self._path = path
        self._later: dict[str, msgspec.Raw] = {}
        """What the file has beside what this version knows."""
        self.state = self._read(path) if path is not None else ConsoleState()

    def change(self, change: Callable[[ConsoleState], ConsoleState]) -> None:
        """Change what is remembered, and write it down."""
        path = self._path
        if path is None or not self.writes:
            self.state = change(self.state)
            return
        with self._alone(path):
            found = self._read(path)
            self.state = change(found if self.writes else self.state)
            if self.writes:
                self._write(path)

    def _read(self, path: Path) -> ConsoleState:
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES // 1000} kB")
            state = msgspec.json.decode(data, type=ConsoleState)
            fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
            self._later = {name: value.copy() for name, value in fields.items() if name not in _KNOWN}
            return state
        except FileNotFoundError:
            self._later = {}
            return ConsoleState()
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self.problem = f"{path} cannot be read ({why}): {_UNKNOWN_THEN}, and keeps nothing."
            self.writes = False  # What could not be read must not be replaced.
        except NOT_UNDERSTOOD as error:
            self.problem = f"{path} is damaged ({error_text(error)}): {_UNKNOWN_THEN}; the next change moves it aside."
            self._later = {}
            self._set_aside(path)
        return ConsoleState()

    def _set_aside(self, path: Path) -> None:
        """Keep a damaged file beside the new one; only who may write does that."""
        if self.writes:
            with contextlib.suppress(OSError):
                os.replace(path, path.with_suffix(".damaged"))
                self.problem = self.problem.replace(
                    "the next change moves it aside", f"it is now {path.with_suffix('.damaged').name}"
                )

    def _write(self, path: Path) -> None:
        try:
            # mkstemp gives a file that is the user's alone; it takes its name when it is whole.
            descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=path.parent)
            try:
                with open(descriptor, "wb") as file:
                    file.write(self._as_json())
                os.replace(name, path)
            except OSError:
                os.unlink(name)
                raise
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self.problem = f"{path} cannot be written ({why}): what the console shows is not remembered."
            self.writes = False

    def _as_json(self) -> bytes:
        known = msgspec.json.decode(msgspec.json.encode(self.state), type=dict[str, msgspec.Raw])
        return msgspec.json.format(msgspec.json.encode({**known, **self._later}), indent=1)

    @contextlib.contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """Hold what other consoles hold before they write."""
        descriptor = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            for _ in range(_TRIES):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_WAIT_SECONDS)
        except OSError:
            pass  # Writing says what is wrong.
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _latest(by_kind: dict[str, Value]) -> dict[str, Value]:
    """The last of too many."""
    return dict(list(by_kind.items())[-MOST_KINDS:])
