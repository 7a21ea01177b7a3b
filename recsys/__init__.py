"""What is learnt: towers, local training, the server step, ranking, metrics, splits and datasets.

Knows nothing of rounds, HTTP or SQL. numpy everywhere; torch only in `item_tower` and `server_step`.
"""
