"""Receipts on a device's disk: none is lost, none is believed that does not verify."""

from dataclasses import replace
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from clients.python import receipt_book
from clients.python.durable_files import CorruptedStateError
from clients.python.outcomes import Accepted, Failed
from clients.python.receipt_book import ReceiptBook
from federation.canonical import digest
from tests.clients.rounds_service import Fault, Rig
from tests.clients.test_receipt_checks import CLAIMS, VECTOR


@pytest.fixture
def book(tmp_path: Path) -> ReceiptBook:
    """A book that knows the vector's key."""
    book = ReceiptBook(tmp_path)
    assert book.add_keys({"keys": [VECTOR["key"]]}) is None
    return book


class TestWithTheService:
    @pytest.mark.parametrize(
        "change",
        [
            {"assignment": "another"},
            {"body_digest": digest(b"other")},
            {"plan_digest": digest(b"other")},
            {"size_bytes": 1},
            {"round": 0},
            {"mode": ""},
            {"more": 1},
        ],
    )
    def test_a_signed_receipt_for_something_else_is_none(
        self, rig: Rig, change: dict[str, object]
    ) -> None:
        device = rig.enrol()
        rig.service.receipt_changes = change
        failed = device.take_part(rig.now)
        assert isinstance(failed, Failed)
        assert failed.reason == "wrong_receipt"
        assert (device.folder / "pending.update").exists()
        rig.service.receipt_changes = {}
        assert isinstance(device.take_part(failed.until), Accepted)

    def test_a_key_that_does_not_come_keeps_the_bytes(self, rig: Rig) -> None:
        device = rig.enrol()
        rig.service.faults = [Fault("GET /.well-known", status=503)]
        failed = device.take_part(rig.now)
        assert isinstance(failed, Failed)
        accepted = device.take_part(failed.until)
        assert isinstance(accepted, Accepted)
        assert accepted.replayed

    def test_the_key_is_fetched_once(self, rig: Rig) -> None:
        device = rig.enrol()
        for number in range(3):
            assert isinstance(device.take_part(rig.now + number), Accepted)
        assert isinstance(rig.reopen().take_part(rig.now + 9), Accepted)
        assert rig.service.count("GET /.well-known/jwks.json") == 1
        assert len(list((device.folder / "receipts").iterdir())) == 4

    def test_a_new_key_of_the_service_is_kept_beside_the_old(self, rig: Rig) -> None:
        device = rig.enrol()
        assert isinstance(device.take_part(rig.now), Accepted)
        rig.service.receipt_key = ECKey.generate_key("P-256", private=True)
        assert isinstance(device.take_part(rig.now + 1), Accepted)
        book = ReceiptBook(device.folder)
        assert len(book.keys()) == 2
        assert len(book.read()) == 2


class TestOnTheDisk:
    def test_damaged_files_are_named(self, book: ReceiptBook, tmp_path: Path) -> None:
        book.keep(VECTOR["signed"], CLAIMS)
        book.save_head(2, digest(b"chain"))
        (receipt,) = (tmp_path / "receipts").iterdir()
        for path in (receipt, tmp_path / "chain.json", tmp_path / "receipt-keys.json"):
            whole = path.read_bytes()
            for damaged in (b"", whole[:-1], b"\xff" * 40):
                path.write_bytes(damaged)
                again = ReceiptBook(tmp_path)
                with pytest.raises(CorruptedStateError) as found:
                    again.read(), again.head()
                assert found.value.path == path
            path.write_bytes(whole)
        assert book.read() == [CLAIMS]

    def test_what_the_service_calls_an_assignment_is_no_file_name(
        self, book: ReceiptBook, tmp_path: Path
    ) -> None:
        book.keep(VECTOR["signed"], replace(CLAIMS, assignment="../../../etc/passwd\0"))
        (kept,) = (tmp_path / "receipts").iterdir()
        assert kept.suffix == ".jws"

    def test_the_oldest_go(
        self, book: ReceiptBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(receipt_book, "RECEIPTS_MAX", 2)
        for number in (1, 10, 9):
            book.keep(VECTOR["signed"], replace(CLAIMS, round=number))
        names = sorted(path.name for path in (tmp_path / "receipts").iterdir())
        assert [int(name.split("-")[0]) for name in names] == [9, 10]

    def test_a_key_set_that_is_none(self, book: ReceiptBook) -> None:
        for document in ({}, {"keys": 1}, {"keys": [1]}, {"keys": [{"kty": "EC", "crv": "P-256"}]}):
            assert book.add_keys(document) is not None
        assert set(book.keys()) == {VECTOR["kid"]}

    def test_all_comes_back(self, book: ReceiptBook, tmp_path: Path) -> None:
        assert (book.read(), book.head()) == ([], None)
        book.keep(VECTOR["signed"], CLAIMS)
        book.save_head(2, digest(b"chain"))
        again = ReceiptBook(tmp_path)
        assert (again.read(), again.head()) == ([CLAIMS], (2, digest(b"chain")))
