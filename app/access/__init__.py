"""Who may do what: keys, tokens and the dependencies that routes declare."""
