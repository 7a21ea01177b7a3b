"""Offline evaluation: `twofold evaluate`, from a dataset to a table, a report and its plots."""
