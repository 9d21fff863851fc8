"""What needed attention is remembered: seen first, acknowledged, gone; and nothing breaks where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from meshtop.actions.attention import AttentionError, AttentionStore
from meshtop.actions.journal.journal import EntryKind, Journal
from meshtop.model.attention import Sighting
from meshtop.model.state import Severity

NOW = 1_785_593_100.0
HOUR, DAY = 3600.0, 86_400.0
READ = {"east": "https://east"}
CATALOG = Sighting(
    id="workload/east/shop/catalog",
    severity=Severity.WARNING,
    title="shop/catalog in east: …",
    since=NOW - 60,
    clusters=("east",),
    scope="https://east",
)
CART = structs.replace(CATALOG, id="workload/east/shop/cart")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "attention.db"


def test_it_is_known_for_three_days_by_another_run(path: Path) -> None:
    first = AttentionStore(path)
    assert first.see([CATALOG], NOW, read=READ)[CATALOG.id].first_seen == NOW
    first.close()
    later = AttentionStore(path)
    for day in (1, 2, 3):
        found = later.see([CATALOG], NOW + day * DAY, read=READ)
    assert found[CATALOG.id].first_seen == NOW
    assert path.stat().st_mode & 0o077 == 0


def test_what_goes_away_is_gone_and_what_comes_back_later_is_new(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    store.see([], NOW + 30, read=READ)
    assert store.items()[0].gone is None, "one look may miss what another sees"
    store.see([], NOW + 150, read=READ)
    assert store.items()[0].gone == NOW + 150
    assert store.see([CATALOG], NOW + 600, read=READ)[CATALOG.id].first_seen == NOW, "it is the same thing still"
    store.see([], NOW + 900, read=READ)
    assert store.see([CATALOG], NOW + 900 + HOUR, read=READ)[CATALOG.id].first_seen == NOW + 900 + HOUR


def test_two_thousand_items_that_never_come_again_are_not_kept_in_memory(path: Path) -> None:
    store = AttentionStore(path)
    for turn in range(20):
        ids = [f"workload/east/shop/job-{turn}-{one}" for one in range(100)]
        store.see([structs.replace(CATALOG, id=id_) for id_ in ids], NOW + turn * 150.0, read=READ)
    assert store.held <= 200


def test_the_file_is_read_again_only_where_somebody_wrote(path: Path) -> None:
    """A month's items are thousands: reading them took a third of an idle console's time."""
    store, other = AttentionStore(path), AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    asked: list[str] = []
    assert store._database is not None
    store._database.set_trace_callback(asked.append)

    def looks(at: float, **read: str) -> tuple[bool, int]:
        asked.clear()
        found = store.see([CATALOG], at, read=read or READ)[CATALOG.id]
        return found.acknowledged is not None, sum("SELECT DISTINCT scope" in one for one in asked)

    assert [looks(NOW + seconds) for seconds in (5, 10, 15)] == [(False, 1), (False, 0), (False, 0)]
    other.acknowledge(other.items(), at=NOW + 16, until=None, reason="known")
    assert [looks(NOW + seconds) for seconds in (20, 25)] == [(True, 1), (True, 0)]
    store.take_back(store.items())
    assert [looks(NOW + seconds) for seconds in (30, 35)] == [(False, 1), (False, 0)]
    assert looks(NOW + 40, east="https://east", west="https://west") == (False, 1), "of more clusters"
    assert looks(NOW + 45) == (False, 0), "of fewer"


def test_what_stands_where_nobody_looked_is_not_gone(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    store.see([], NOW + HOUR, read={"west": "https://west"})
    store.see([], NOW + HOUR, read={"east": "https://another-fleets-east"})
    assert store.items()[0].gone is None


def test_what_became_a_consequence_is_there_and_known_since_it_came(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    cause = structs.replace(CATALOG, id="caller/east/analytics/reporting")
    found = store.see([cause, structs.replace(CATALOG, follows=cause.id)], NOW + 300, read=READ)
    assert set(found) == {cause.id}
    assert all(one.gone is None for one in store.items())


def test_an_acknowledgement_ends_with_its_time_or_when_it_gets_worse(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG, CART], NOW, read=READ)
    store.acknowledge(store.find("catalog"), at=NOW, until=NOW + 4 * HOUR, reason="deploy")
    store.acknowledge(store.find(CART.id), at=NOW, until=None, reason="")
    found = store.see([CATALOG, CART], NOW + HOUR, read=READ)
    acknowledged = found[CATALOG.id].acknowledged
    assert acknowledged is not None
    assert acknowledged.reason == "deploy"
    assert found[CART.id].acknowledged is not None
    worse = structs.replace(CART, severity=Severity.ERROR)
    found = store.see([CATALOG, worse], NOW + 5 * HOUR, read=READ)
    assert found[CATALOG.id].acknowledged is None, "its time is over"
    assert found[CART.id].acknowledged is None, "it got worse than what somebody knew of"


def test_taking_an_acknowledgement_back(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    store.acknowledge(store.find("attention/" + CATALOG.id), at=NOW, until=None, reason="")
    store.take_back(store.find(CATALOG.id))
    assert store.see([CATALOG], NOW + 1, read=READ)[CATALOG.id].acknowledged is None


def test_ids_that_mean_nothing_or_several(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG, structs.replace(CATALOG, id="workload/west/shop/catalog")], NOW, read=READ)
    with pytest.raises(AttentionError, match="means 2 items: workload/east/shop/catalog, workload/west"):
        store.find("shop/catalog")
    with pytest.raises(AttentionError, match="No item cart of these clusters needs attention"):
        store.find("cart")


def test_an_id_means_what_stands_in_the_clusters_of_one_fleet(path: Path) -> None:
    store = AttentionStore(path)
    theirs = structs.replace(CATALOG, scope="https://another-fleets-east")
    both = structs.replace(CART, clusters=("east", "west"), scope="https://east,https://west")
    store.see([CATALOG, both], NOW, read={})
    store.see([theirs], NOW, read={})
    store.acknowledge(store.find("catalog", ["https://another-fleets-east"]), at=NOW, until=None, reason="")
    assert [one.acknowledged for one in store.items(["https://east"])] == [None]
    assert {one.id for one in store.items(["https://east", "https://west"])} == {CATALOG.id, CART.id}
    with pytest.raises(AttentionError, match="No item cart of these clusters"):
        store.find("cart", ["https://east"])
    assert len(store.items()) == 3


CANARY = structs.replace(CATALOG, id="canary/east/shop/catalog#weighted", severity=Severity.ERROR)
BELOW = structs.replace(CATALOG, follows=CANARY.id)


def test_what_followed_from_an_acknowledged_cause_is_known_when_it_stands_for_itself(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CANARY, BELOW], NOW, read=READ)
    store.acknowledge(store.find(CANARY.id), at=NOW, until=NOW + DAY, reason="release 41")
    assert store.see([CANARY, BELOW, CART], NOW + 60, read=READ)[CART.id].acknowledged is None
    for later in (120, 180, HOUR, 2 * HOUR):
        # The weight is zero now, and nothing is said of the canary any more.
        known = store.see([CATALOG, CART], NOW + later, read=READ)
        acknowledged = known[CATALOG.id].acknowledged
        assert acknowledged is not None, later
        assert acknowledged.reason == "release 41"
        assert known[CART.id].acknowledged is None
    worse = structs.replace(CATALOG, severity=Severity.ERROR)
    assert store.see([worse], NOW + 3 * HOUR, read=READ)[CATALOG.id].acknowledged is None
    assert store.see([CATALOG], NOW + 2 * DAY, read=READ)[CATALOG.id].acknowledged is None, "its time is over"


def test_a_cause_that_is_found_later_is_known_where_all_that_follows_from_it_was(path: Path) -> None:
    store = AttentionStore(path)
    cause = structs.replace(CANARY, severity=Severity.WARNING)
    cart = structs.replace(CART, follows=cause.id)
    store.see([CATALOG, CART], NOW, read=READ)
    store.acknowledge(store.find("catalog"), at=NOW, until=None, reason="")
    half = store.see([cause, BELOW, cart], NOW + 60, read=READ)
    assert half[cause.id].acknowledged is None, "nobody knew of the cart"
    other = structs.replace(cause, id="canary/east/shop/other#weighted")
    whole = [other, structs.replace(BELOW, follows=other.id)]
    assert store.see(whole, NOW + 120, read=READ)[other.id].acknowledged is not None
    assert AttentionStore(path).see(whole, NOW + 180, read=READ)[other.id].acknowledged is not None
    third = structs.replace(CANARY, id="canary/east/shop/third#weighted")
    worse = store.see([third, structs.replace(BELOW, follows=third.id)], NOW + 240, read=READ)
    assert worse[third.id].acknowledged is None, "an error is more than the warning that somebody knew of"


def test_since_when_a_cluster_is_silent_is_what_whoever_saw_it_answer_knows(path: Path) -> None:
    gone = structs.replace(CATALOG, id="cluster/east", since=NOW - 20, silent=True)
    watching = AttentionStore(path)
    assert watching.see([gone], NOW, read={})["cluster/east"].since == NOW - 20
    # Another run never saw it answer: it knows nothing, or when others began to miss it.
    for since in (None, NOW - 5):
        once = AttentionStore(path)
        assert once.see([structs.replace(gone, since=since)], NOW + 30, read={})["cluster/east"].since == NOW - 20
        once.close()
    ordinary = AttentionStore(path)
    ordinary.see([CATALOG], NOW, read={})
    later = ordinary.see([structs.replace(CATALOG, since=NOW + 10)], NOW + 30, read={})
    assert later[CATALOG.id].since == NOW + 10, "what tells its own story is not held to an older one"


def test_a_cluster_is_known_by_its_uid_whatever_its_address(path: Path) -> None:
    store = AttentionStore(path)
    store.see([CATALOG], NOW, read=READ)
    store.acknowledge(store.find("catalog", ["https://east"]), at=NOW, until=None, reason="")
    by_uid = structs.replace(CATALOG, scope="uid-of-east")
    read = {"east": "uid-of-east"}
    known = store.see([by_uid], NOW + 60, read=read, servers={"uid-of-east": "https://east"})
    assert known[CATALOG.id].acknowledged is not None, "it was known by its server before"
    moved = {"uid-of-east": "https://the-new-address-of-east"}
    assert store.see([by_uid], NOW + 120, read=read, servers=moved)[CATALOG.id].acknowledged is not None
    # Somebody else's cluster may get the old address.
    theirs = structs.replace(CATALOG, scope="uid-of-theirs")
    known = store.see([theirs], NOW + 180, read={}, servers={"uid-of-theirs": "https://east"})
    assert known[CATALOG.id].acknowledged is None
    store.close()
    later = AttentionStore(path)
    (mine,) = later.items(["https://the-new-address-of-east"])
    assert mine.acknowledged is not None
    assert later.servers_of(mine) == {"https://east", "https://the-new-address-of-east"}
    silent = structs.replace(CATALOG, scope="https://the-new-address-of-east")
    assert later.see([silent], NOW + 240, read={})[CATALOG.id].acknowledged is not None, "its UID is known from before"


def test_a_state_folder_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    store = AttentionStore(tmp_path / "state" / "attention.db")
    assert store.problem is not None
    assert "what needs attention is not remembered" in store.problem
    with pytest.raises(AttentionError, match="cannot be written"):
        store.items()
    with pytest.raises(AttentionError, match="cannot be written"):
        store.find("catalog")
    assert store.see([CATALOG], NOW, read=READ)[CATALOG.id].first_seen == NOW
    assert store.see([CATALOG], NOW + 60, read=READ)[CATALOG.id].first_seen == NOW, "for as long as this run"
    with pytest.raises(AttentionError, match="cannot be written"):
        store.acknowledge(store.find("catalog"), at=NOW, until=None, reason="")


def test_a_file_of_a_newer_meshtop_is_left_alone(path: Path) -> None:
    store = AttentionStore(path)
    assert store._database is not None
    store._database.execute("PRAGMA user_version=99")
    store.close()
    newer = AttentionStore(path)
    assert newer.problem is not None
    assert "written by a newer meshtop" in newer.problem
    assert newer.see([CATALOG], NOW, read=READ)[CATALOG.id].first_seen == NOW


def test_what_meshtop_changed_by_its_journal(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    store = AttentionStore(path, journal=file)
    assert store.changes(0, NOW) == ()
    journal = Journal(file, clock=lambda: NOW)
    action = journal.begin(
        kind="shift", who="maria", origin="here", reason="v3 is ready", subject="shop/reviews", plan={}
    )
    journal.write(action.id, EntryKind.INTENDED, cluster="east", object_="VirtualService shop/reviews")
    journal.write(action.id, EntryKind.DONE, cluster="east", object_="VirtualService shop/reviews")
    journal.close()
    (change,) = store.changes(NOW - 60, NOW + 60)
    assert (change.at, change.cluster, change.namespace, change.name) == (NOW, "east", "shop", "reviews")
    assert change.title == "shift shop/reviews by maria (v3 is ready)"
    assert store.changes(NOW + 1, NOW + 60) == ()
