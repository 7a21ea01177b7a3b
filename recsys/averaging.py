"""The running average of a training's versions: less noise than any one of them.

Each round's step is noisy, and an average over the last few dozen versions is a better model than
the newest one (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; Izmailov et al. 2018,
https://arxiv.org/abs/1803.05407). It needs published versions only, nothing of any device, and
training goes on from the newest version as before.
"""

from dataclasses import dataclass

from recsys.item_table import ItemTable
from recsys.shared_scalars import SharedScalars


@dataclass(frozen=True)
class Averaged:
    """An item table and shared scalars that rank; n_versions: how many went in."""

    table: ItemTable
    scalars: SharedScalars
    n_versions: int = 1

    def and_then(self, table: ItemTable, scalars: SharedScalars, decay: float) -> "Averaged":
        """The average after one more version, which weighs 1 - decay against all before it.

        While there are few, all weigh the same: the first version must not linger. The newest
        version's rows decide the height; a row that was appended since starts as it is.
        """
        n = self.n_versions + 1
        share = max(1 - decay, 1 / n)
        mine, new = vars(self.table), vars(table)
        heads = {name: new[name].copy() for name in new}
        for name, head in heads.items():
            known = mine[name].shape[0]
            head[:known] = mine[name] + share * (head[:known] - mine[name])
        before, after = self.scalars.with_types(scalars.n_types).to_vector(), scalars.to_vector()
        vector = before + share * (after - before)
        kept = SharedScalars.from_vector(
            vector.astype(after.dtype), scalars.history_length, scalars.n_types
        )
        return Averaged(ItemTable(**heads), kept, n)
