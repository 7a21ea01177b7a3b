"""Tests with versions to audit: rounds run for real, then the books are looked at or forged."""

from app.access.secrets import signing_secret
from app.audit.verification import AuditOptions, Finding, Verification
from federation.audit_chain import BrokenLink
from tests.app.round_world import TARGET, RoundWorld

CHAIN_ONLY = AuditOptions(rebuild=False)


async def publish_rounds(world: RoundWorld, n: int) -> None:
    """So many rounds after another, each with its target of updates."""
    for _ in range(n):
        number = (await world.round()).id
        names = [f"user-{i}" for i in range(TARGET)]
        for i, device in enumerate(await world.enrol(*names)):
            await world.deliver(device, seed=100 * number + i)
        await world.tick()
        assert (await world.round()).id == number + 1


async def verify(
    world: RoundWorld, options: AuditOptions | None = None
) -> tuple[list[Finding], BrokenLink | None]:
    """What the audit finds, and the first break."""
    options, state, findings = options or AuditOptions(), world.state, list[Finding]()
    secret = signing_secret(state["settings"])
    run = Verification(state["database"], state["blobs"], state["settings"], secret)
    broken = await run.run(await run.begin(options), options, findings.append)
    return findings, broken


async def found_at(world: RoundWorld, options: AuditOptions = CHAIN_ONLY) -> tuple[int, str]:
    """Version and field of the first break."""
    _, broken = await verify(world, options)
    assert broken is not None
    return broken.version, broken.what.split(":")[0]
