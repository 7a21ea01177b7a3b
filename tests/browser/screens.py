"""The screens that pages are looked at on: widths in CSS pixels, and the height met with each."""

WIDE, NARROW, NARROWEST = 1280, 390, 360
MET = {WIDE: 900, NARROW: 844, NARROWEST: 740}
OTHERWISE = 900


def viewport(width: int) -> dict[str, int]:
    """As Playwright takes it."""
    return {"width": width, "height": MET.get(width, OTHERWISE)}
