"""What is learnt: towers, local training, the server step, ranking, metrics, splits and datasets.

Knows nothing of rounds, HTTP or SQL. numpy everywhere; torch in the item tower and the server's
step and state.
"""
