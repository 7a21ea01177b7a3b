"""The network: what is under way may be lost, doubled, late and out of order."""

from dataclasses import dataclass, field

from tests.simulation.records import Reply, Request

Message = Request | Reply


@dataclass
class Network:
    """Messages under way. Which one arrives next is the world's choice."""

    under_way: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.under_way.append(message)

    def take(self, pick: int, keeps: bool = False) -> Message | None:
        """The message that arrives; keeps: another copy of it stays under way."""
        if not self.under_way:
            return None
        index = pick % len(self.under_way)
        return self.under_way[index] if keeps else self.under_way.pop(index)
