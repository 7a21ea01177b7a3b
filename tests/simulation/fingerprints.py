"""What a device uploads: one word, at a place that tells the device and the round apart."""

from tests.simulation.profile import N_DEVICES, N_VALUES

FACES = 2


def coordinate(device: int, round_id: int, face: int = 0) -> int:
    """h(d, r). face: 1 for the second body of a device that sends two.

    Distinct for all devices and faces over 15 rounds, which is longer than any lease lasts.
    """
    return ((round_id * N_DEVICES + device) * FACES + face) % (N_VALUES - N_VALUES % 16)
