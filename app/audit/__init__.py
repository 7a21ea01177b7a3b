"""The audit: its records for anybody who checks the chain, and the operator's verification."""
