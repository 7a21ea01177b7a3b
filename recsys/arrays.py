"""Names for the array types that the model's files share.

Storage is float32. The mathematics takes the float type of what it is given, so that the tests can
compare gradients in float64 without a second implementation.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
