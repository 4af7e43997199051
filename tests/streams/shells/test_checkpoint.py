"""What a worker remembers: taken over whole, and never written by two."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from streams.core.bed import Bed
from streams.shells.kafka.checkpoint import Checkpoints
from streams.stores.store import Fenced, opened
from tests.streams.bedside import SHOCK, at, play


def test_a_successor_finds_what_was_saved_and_fences_its_predecessor(tmp_path: Path) -> None:
    """Beds, offset and what was heard come back as saved; the one that was there before can write nothing any more."""
    url = f"sqlite:///{tmp_path}/checkpoints"
    bed, _ = play(SHOCK, at("09:30"))
    first, second = Checkpoints(url, "log-1"), Checkpoints(url, "log-1")
    old = first.take(2)
    assert (old.saved.applied, old.saved.beds, old.heard) == (-1, {}, {})
    first.save(2, old.epoch, 41, {"e1": bed}, {"vitals@0/2": 17})
    new = second.take(2)
    assert (new.saved.applied, new.saved.beds, new.heard) == (41, {"e1": bed}, {"vitals@0/2": 17})
    with pytest.raises(Fenced, match="partition 2"):
        first.save(2, old.epoch, 99, {"e1": Bed("e1"), "e2": Bed("e2")}, {})
    assert second.take(2)._replace(epoch=new.epoch) == new


def test_two_workers_may_begin_at_once(tmp_path: Path) -> None:
    """Four that open the same new database at the same time find one set of tables, and none of them fails."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Checkpoints(f"sqlite:///{tmp_path}/checkpoints", "log-1"), range(4)))
    assert [store.take(0).epoch for store in stores] == [1, 2, 3, 4]


def test_partitions_and_logs_do_not_meet(tmp_path: Path) -> None:
    """Another partition, and a topic that was made anew under the same name, begin with nothing."""
    url = f"sqlite:///{tmp_path}/checkpoints"
    store = Checkpoints(url, "log-1")
    store.save(0, store.take(0).epoch, 5, {"e1": Bed("e1")}, {})
    assert store.take(1).saved.beds == {}
    assert Checkpoints(url, "log-2").take(0).saved == (-1, {})
    assert store.take(0).saved == (5, {"e1": Bed("e1")})


def test_a_damaged_bed_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    """One changed byte, and the partition is taken as if nothing had been saved: the log tells it all again."""
    url = f"sqlite:///{tmp_path}/checkpoints"
    store = Checkpoints(url, "log-1")
    store.save(0, store.take(0).epoch, 5, {"e1": Bed("e1"), "e2": Bed("e2")}, {"vitals@0/0": 3})
    with opened(url).begin() as connection:
        damage = "UPDATE partition_beds SET state = CAST(replace(state, 'bed', 'bad') AS BLOB) WHERE encounter = 'e2'"
        connection.execute(text(damage))
    taken = store.take(0)
    assert (taken.saved, taken.heard) == ((-1, {}), {})
