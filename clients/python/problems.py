"""The one error that the clients raise when the service refuses."""

from clients.python.answers import Failure


class ServiceProblem(Exception):
    """The service refused, or did not answer.

    reason: stable code of its problem document ("no_answer" when none came); status: None then;
    errors: (field, message) of each field that was wrong.
    """

    def __init__(self, failure: Failure) -> None:
        fields = "; ".join(f"{field}: {message}" for field, message in failure.errors)
        said = failure.detail or fields or "no detail was given"
        super().__init__(f"{failure.reason}: {said}")
        self.reason = failure.reason
        self.status = failure.status
        self.detail = failure.detail
        self.errors = failure.errors
        self.retry_after_s = failure.retry_after_s


class NotEnrolledError(Exception):
    """The folder holds no enrolled device."""
