"""Random streams of a drill: one for each device and purpose, whatever the others draw."""

import numpy as np

POPULATION, TRAINING, VISIT = 1, 2, 3


def dice(seed: int, purpose: int, device: int, occasion: int = 0) -> np.random.Generator:
    """The stream of a device for a purpose. occasion: a round, or the number of a visit."""
    return np.random.default_rng((seed, purpose, device, occasion))
