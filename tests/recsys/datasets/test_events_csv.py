"""Event logs: every complaint names its place; two published layouts load as they are."""

from pathlib import Path

import pytest

from recsys.datasets import events_csv
from recsys.datasets.interactions import Dataset

HEADER = "user,item,type,time\n"


def load(tmp_path: Path, events: str | bytes, items: str | None = None) -> Dataset:
    (tmp_path / "events.csv").write_bytes(events if isinstance(events, bytes) else events.encode())
    if items is not None:
        (tmp_path / "items.csv").write_text(items, encoding="utf-8")
    return events_csv.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: no column for the user"),
        ("user,item,type\nu,a,view\n", "line 1: no column for the time .one of time, timestamp"),
        ("user,user,item,type,time\n", "line 1: two columns are called 'user'"),
        (HEADER, "no events"),
        (HEADER + "u,a,view,1\nu,a,view\n", "line 3: 3 values, the header has 4"),
        (HEADER + "u,a,view,1,\n", "line 2: 5 values"),
        (HEADER + ",a,view,1\n", "line 2, column 'user': is empty"),
        (HEADER + "u, ,view,1\n", "line 2, column 'item': is empty"),
        (HEADER + f"u,{'é' * 65},view,1\n", "line 2, column 'item': is longer than 128 bytes"),
        (HEADER + "u,a,,1\n", "line 2, column 'type': is empty"),
        (HEADER + "u,a,3,1\n", "line 2, column 'type': '3' is a number"),
        (HEADER + "u,a,view,soon\n", "line 2, column 'time': 'soon' is neither"),
        (HEADER + "u,a,view,nan\n", "line 2, column 'time'"),
        (HEADER + "u,a,view,-5\n", "line 2, column 'time'"),
        (HEADER + "u,a,view,1e300\n", "line 2, column 'time'"),
        (HEADER + "u,a,view,2025-02-30\n", "line 2, column 'time'"),
        ("visitorid,itemid,event,timestamp\nu,a,view,?\n", "line 2, column 'timestamp'"),
        (HEADER + 'u,"a\n', "line 2: unexpected end of data"),
        (HEADER + 'u,"a"b,view,1\n', "line 2: "),
        (HEADER.encode() + b"u,a,view,1\nu,\xff,view,1\n", "line 3: not UTF-8"),
        (HEADER + "\n\nu,a,view,x\n", "line 4, column 'time'"),
    ],
)
def test_refuses(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"events\.csv:? ?{problem}"):
        load(tmp_path, text)


def test_refuses_a_type_column_that_is_none(tmp_path: Path) -> None:
    rows = "".join(f"u,a,kind{number},1\n" for number in range(40))
    with pytest.raises(ValueError, match="43 event types"):
        load(tmp_path, HEADER + rows)


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"events\.csv"):
        events_csv.load(tmp_path)


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ("title\nx\n", "line 1: no column for the id"),
        ("id\na\na\n", "line 3, column 'id': 'a' occurs a second time"),
        ("id,price\na,cheap\n", "line 2, column 'price': 'cheap' is not a number"),
        ("id,price\na,-1\n", "line 2, column 'price': '-1' is not a finite"),
        ("id,price\na,inf\n", "line 2, column 'price': 'inf' is not a finite"),
        ("id,title\n,x\n", "line 2, column 'id': is empty"),
    ],
)
def test_refuses_a_catalogue(tmp_path: Path, items: str, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"items\.csv {problem}"):
        load(tmp_path, HEADER + "u,a,view,1\n", items)


@pytest.mark.parametrize(
    "time",
    ["1700000000", "1700000000.0", "1700000000000", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20",
     "2023-11-15T00:13:20+02:00"],
)  # fmt: skip
def test_times(tmp_path: Path, time: str) -> None:
    data = load(tmp_path, HEADER + f"u,a,view,{time}\n")
    assert data.histories["u"][0].at == 1_700_000_000


def test_reads_any_accepted_header_and_ignores_other_columns(tmp_path: Path) -> None:
    text = "\ufeffExtra, SKU ,Event,User_ID,datetime,TimeStamp\r\nx,a,AddToCart,u,never,5\r\n"
    data = load(tmp_path, text)
    assert data.histories["u"][0].type == "cart"
    assert data.histories["u"][0].at == 5


def test_orders_by_time_then_file_and_types_by_name(tmp_path: Path) -> None:
    rows = "u,b,wish,2\nu,a,transaction,1\nu,a,like,2\nv,c,view,9\n"
    data = load(tmp_path, HEADER + rows)
    assert [(e.item_id, e.type) for e in data.histories["u"]] == [
        ("a", "purchase"),
        ("b", "wish"),
        ("a", "like"),
    ]
    assert data.event_types == ("view", "cart", "purchase", "like", "wish")
    assert data.item_ids == ("b", "a", "c")


def test_reads_the_catalogue_beside_a_file_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER + "u,z,view,1\nu,a,view,2\n")
    (tmp_path / "items.csv").write_text(
        "id,title,categories,brand,price,tags,creators\n"
        'b,"Mug, red",Home|Cups| ,Okane,9.50,gift|new,A. B.|C. D.\na,,,,,,\n'
    )
    data = events_csv.load(tmp_path / "log.csv")
    assert data.name == "log"
    assert data.item_ids == ("b", "a", "z")
    mug = data.items[0].content
    assert (mug.title, mug.brand, mug.price) == ("Mug, red", "Okane", 9.5)
    assert (mug.categories, mug.tags) == (("Home", "Cups"), ("gift", "new"))
    assert mug.creators == ("A. B.", "C. D.")
    assert data.items[1].content.price is None


def test_ids_may_be_anything_short(tmp_path: Path) -> None:
    long = "é" * 64
    data = load(tmp_path, HEADER + f'"u,1/%2F",{long},view,1\n🛒,"say ""x""",view,1\n')
    assert list(data.histories) == ["u,1/%2F", "🛒"]
    assert data.item_ids == (long, 'say "x"')


def test_the_retailrocket_layout(data_root: Path) -> None:
    data = events_csv.load(data_root / "retailrocket-sample")
    kinds = [event.type for history in data.histories.values() for event in history]
    counts = {kind: kinds.count(kind) for kind in data.event_types}
    assert counts == {"view": 9076, "cart": 263, "purchase": 46}
    at = [event.at for history in data.histories.values() for event in history]
    assert 1.4e9 < min(at) <= max(at) < 1.5e9  # summer of 2015, in seconds


def test_the_jdata_layout(data_root: Path) -> None:
    data = events_csv.load(data_root / "jdata-sample" / "events.csv")
    kinds = [event.type for history in data.histories.values() for event in history]
    counts = {kind: kinds.count(kind) for kind in data.event_types}
    assert counts == {"view": 24365, "cart": 0, "purchase": 1906, "comment": 464, "follow": 448}
    # Its column "index" is the unix second that action_time spells out in UTC.
    assert min(event.at for h in data.histories.values() for event in h) == 1519862406.0
