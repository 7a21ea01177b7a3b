"""What a device holds against the service: signed receipts, and proofs that they were honoured."""
