"""Taking a receipt: its signature is checked and it is stored before the update is forgotten."""

from clients.python.answers import Failure, Receipt, read_json
from clients.python.connection import Connection
from clients.python.objections import Objection
from clients.python.receipt_book import ReceiptBook
from clients.python.state import PendingUpload
from federation.receipt import ReceiptClaims
from federation.update_codec import HEADER


def keep_receipt(
    connection: Connection, book: ReceiptBook, pending: PendingUpload, receipt: Receipt
) -> Receipt | Failure:
    """The receipt, once it is on the disk; a failure if it is not signed, or for another update.

    Such a receipt is asked for again, like one that never came. The key is fetched once in the life
    of a device, and again only when the service has taken another.
    """
    if not book.knows_key_of(receipt.signed):
        refused = _fetch_keys(connection, book)
        if refused is not None:
            return refused
    claims = book.check(receipt.signed)
    if isinstance(claims, Objection):
        return Failure(None, "wrong_receipt", claims.detail)
    wrong = _difference(claims, pending)
    if wrong is not None:
        return Failure(None, "wrong_receipt", f"{wrong}: the receipt is for another update")
    book.keep(receipt.signed, claims)
    return receipt


def _fetch_keys(connection: Connection, book: ReceiptBook) -> Failure | None:
    answer = connection.receipt_keys()
    document = answer if isinstance(answer, Failure) else read_json(answer)
    return document if isinstance(document, Failure) else book.add_keys(document)


def _difference(claims: ReceiptClaims, pending: PendingUpload) -> str | None:
    """The first field in which the receipt is not for these bytes.

    The round may be a later one than the update was made for, never an earlier one.
    """
    plan = HEADER.unpack_from(pending.body)[3]
    sent = {
        "assignment": pending.assignment,
        "plan_digest": f"sha256:{plan.hex()}",
        "body_digest": pending.digest,
        "size_bytes": len(pending.body),
    }
    if claims.round < pending.round:
        return "round"
    return next((name for name, value in sent.items() if getattr(claims, name) != value), None)
