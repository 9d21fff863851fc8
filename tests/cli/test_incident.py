"""`incident`: a page that tells of an outage, of nothing that somebody wrote taken for markup, and its recording."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec import structs

from meshtop.model.alerting import Alerts, AlertState, Slos
from meshtop.model.changes import FieldWrite, ObjectTrace, Traces
from meshtop.model.evidence import WhyUnknown, not_read
from meshtop.model.snapshot import Snapshot
from meshtop.sources.recording.recorded import RecordedSnapshots
from tests import worlds
from tests.cli.conftest import Program
from tests.cli.test_recordings import RecordedRun, run
from tests.sources.recording.moments import read, written
from tests.sources.recording.unpacked import everything_in
from tests.views.kinds.test_alerting import REVIEWS, alert, slo
from tests.views.reports.test_attention_changes import TROUBLE, fleet

__all__ = ["run"]
PENDING = AlertState.PENDING
HOSTILE = '<script>alert("x")</script>|`~*_[a](b)'


class Parsed(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _outage(name: str = "east") -> list[Snapshot]:
    told = []
    for i, (code, sick) in enumerate((("200", False), ("503", True))):
        samples = [worlds.request("east/web", "east/v2", 10.0, code=code), worlds.request("east/web", "east/v1", 50.0)]
        east = structs.replace(worlds.cluster("east", samples, sick=sick), name=name)
        told.append(worlds.world(east, worlds.north(), sequence=i + 1, at=worlds.AT + 60.0 * i))
    return told


@pytest.fixture
def outage(tmp_path: Path) -> str:
    return str(written(tmp_path / "outage.rec", _outage()))


@pytest.mark.parametrize("suffix", [".md", ".html"])
def test_it_tells_what_is_wrong_what_changed_and_what_is_not_known(
    run: RecordedRun, outage: str, tmp_path: Path, suffix: str
) -> None:
    page = tmp_path / f"page{suffix}"
    done = run("replay", outage, "--", "incident", str(page))
    assert (done.code, done.out) == (0, "")
    assert "outage.rec is what it was made of" in done.err
    text = page.read_text()
    for said in (
        "reviews-v2", "What is not as it was at 2026-08-01T14:00:00Z", "2/2 → 1/2", "Who calls whom",
        "What was not known", "north did not answer", "outage.rec holds all", "2026-08-01T14:01:00Z",
    ):  # fmt: skip
        assert said in text, said
    assert page.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "page.rec").exists()
    assert not (tmp_path / "state").exists()


def _ill() -> list[Snapshot]:
    """reviews-v2 is ill since two minutes, half a minute after its image was set; an alert fires, a budget burns."""
    (cluster, *others) = fleet(None).clusters
    assert cluster.inventory is not None
    image = b'{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\\"name\\":\\"app\\"}":{"f:image":{}}}}}}}'
    traces = Traces(
        objects=(
            _wrote("Deployment", "reviews-v2", TROUBLE - 30.0, image),
            _wrote("DestinationRule", "elsewhere", TROUBLE - 900.0, b'{"f:spec":{"f:host":{}}}'),
        )
    )
    east = structs.replace(
        cluster,
        inventory=structs.replace(cluster.inventory, traces=traces),
        alerts=Alerts(alerts=(alert("ReviewsFail", **REVIEWS), structs.replace(alert("Waits"), state=PENDING))),
        slos=Slos(readings=(slo(0.5), slo(0.0, name="fast"))),
    )
    unread = structs.replace(worlds.west(), alerts=Alerts(evidence=not_read(WhyUnknown.DENIED)))
    return [structs.replace(fleet(None), clusters=(east, *others, unread))]


def _wrote(kind: str, name: str, at: float, fields: bytes) -> ObjectTrace:
    write = FieldWrite(manager="argocd", time=at, fields=fields)
    return ObjectTrace(kind=kind, namespace="shop", name=name, writes=(write,))


def test_it_names_the_suspects_alerts_and_objectives_and_what_of_them_is_not_known(
    meshtop: Program, tmp_path: Path
) -> None:
    meshtop.snapshots = tuple(_ill())
    assert meshtop("incident", str(tmp_path / "page.md")).code in (0, 3)
    _check_evidence((tmp_path / "page.md").read_text())


def test_it_names_the_same_of_a_recording(run: RecordedRun, tmp_path: Path) -> None:
    file = str(written(tmp_path / "x.rec", _ill()))
    assert run("replay", file, "--", "incident", str(tmp_path / "page.md")).code in (0, 3)
    _check_evidence((tmp_path / "page.md").read_text())


def _check_evidence(page: str) -> None:
    sections = dict(re.findall(r"^## (.*)\n\n((?:(?!## ).*\n)*)", page, re.MULTILINE))
    blamed = sections["Which change may have caused it"]
    assert "reviews-v2 in east" in blamed
    assert "it began 13:58; the only change on any path in 20 minutes | argocd" in blamed
    others = sections["What else changed in the hour before"]
    assert "elsewhere" in others
    assert "reviews-v2" not in others
    fires = [line for line in sections["Alerts that fire"].splitlines() if "ReviewsFail" in line]
    assert len(fires) == 1
    assert "too many errors" in fires[0]
    assert "1 more is pending." in sections["Alerts that fire"]
    assert "Waits" not in sections["Alerts that fire"]
    burns = sections["Objectives whose error budget burns or is spent"]
    assert "| error | available | east |" in burns
    assert "| fast |" not in burns
    assert "alerts of west may not be read" in sections["What was not known"]


def test_without_trouble_alerts_and_objectives_it_says_so(run: RecordedRun, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    calm = worlds.world(structs.replace(worlds.cluster("east", []), alerts=Alerts(), slos=Slos()))
    run("replay", str(written(tmp_path / "x.rec", [calm])), "--", "incident", str(page))
    text = Parsed(page.read_text()).text
    assert "No alert fires" in text
    assert "There is no objective" in text
    assert "Nothing is suspected" in text


def test_the_page_needs_nothing_and_runs_nothing(run: RecordedRun, outage: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run("replay", outage, "--", "incident", str(page))
    parsed = Parsed(page.read_text())
    assert "svg" in parsed.tags
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(parsed.tags)
    assert not [value for name, value in parsed.attributes if name.startswith("on") or name in ("src", "href")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in parsed.attributes


def test_names_are_no_markup(run: RecordedRun, tmp_path: Path) -> None:
    file = str(written(tmp_path / "x.rec", _outage(HOSTILE)))
    for suffix in (".html", ".md"):
        assert run("replay", file, "--", "incident", str(tmp_path / f"page{suffix}")).code == 0
    parsed = Parsed((tmp_path / "page.html").read_text())
    assert "script" not in parsed.tags
    assert HOSTILE in parsed.text
    text = (tmp_path / "page.md").read_text()
    assert not re.search(r"(?<!\\)<script", text.partition("````")[0])
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        # Every row has as many cells as the titles: no name ends one.
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_live_its_recording_is_written_beside_it(meshtop: Program, tmp_path: Path) -> None:
    meshtop.snapshots = (_outage()[1],)
    done = meshtop("incident", str(tmp_path / "now.html"))
    assert done.code == 0
    assert "now.rec is what it was made of" in done.err
    assert read(tmp_path / "now.rec") == list(meshtop.snapshots)
    assert "What is not as it was" not in (tmp_path / "now.html").read_text()


def test_redacted_neither_the_page_nor_its_recording_has_a_name(run: RecordedRun, outage: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert run("replay", outage, "--", "incident", str(page), "--redact").code == 0
    recording = RecordedSnapshots(tmp_path / "page.rec")
    assert recording.header.redacted
    recording.close()
    for name in ("reviews", "shop", "storefront", "east", "north"):
        assert not re.search(rf"\b{name}\b", page.read_text()), name
        assert not re.search(rf"\b{name}\b".encode(), everything_in(tmp_path / "page.rec")), name


@pytest.mark.parametrize(("name", "said"), [("page.pdf", "has to end with .md or .html"), ("there.md", "exists")])
def test_what_cannot_be_written_is_said(run: RecordedRun, outage: str, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "there.md").write_text("mine")
    done = run("replay", outage, "--", "incident", str(tmp_path / name))
    assert done.code == 2
    assert said in done.err
    assert (tmp_path / "there.md").read_text() == "mine"
    assert "cannot be written" in run("replay", outage, "--", "incident", str(tmp_path / "no/page.md")).err
