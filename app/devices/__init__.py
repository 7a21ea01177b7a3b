"""Enrolment: a code for a user, a key that the device made, short-lived tokens, revocation."""
