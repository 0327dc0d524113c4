"""State machines as data: a table of moves, proven when the module is imported."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from core.errors import IllegalTransition

State = TypeVar("State", bound=StrEnum)


class Machine(Generic[State]):
    """One state machine: its moves, its first states and its final states.

    Args:
        name: what is being moved, for messages.
        states: the enumeration of states.
        start: the states a new row may have.
        final: the states nothing leaves.
        moves: from (state, trigger) to the next state.

    Raises:
        ValueError: a state cannot be reached, or a state that is not final cannot be left.
    """

    def __init__(
        self,
        name: str,
        states: type[State],
        start: set[State],
        final: set[State],
        moves: Mapping[tuple[State, str], State],
    ) -> None:
        self.name = name
        self.states = states
        self.start = frozenset(start)
        self.final = frozenset(final)
        self.moves = dict(moves)
        self.triggers = frozenset(trigger for _, trigger in moves)
        self._prove()

    def advance(self, state: str, trigger: str) -> State:
        """Return the state after the trigger.

        Raises:
            IllegalTransition: there is no such move from this state.
        """
        try:
            return self.moves[self.states(state), trigger]
        except KeyError:
            allowed = sorted(known for origin, known in self.moves if origin == state)
            article = "An" if self.name[0] in "aeiou" else "A"
            raise IllegalTransition(
                f"{article} {self.name} that is {state} cannot {trigger.replace('_', ' ')}.",
                why=f"From {state} it can: {', '.join(allowed) or 'nothing, the state is final'}.",
            ) from None

    def may(self, state: str, trigger: str) -> bool:
        """Return whether the move exists."""
        return (self.states(state), trigger) in self.moves

    def _prove(self) -> None:
        reached = set(self.start)
        while grown := {to for (origin, _), to in self.moves.items() if origin in reached} - reached:
            reached |= grown
        if lost := set(self.states) - reached:
            raise ValueError(f"{self.name}: no way leads to {sorted(lost)}")
        left = {origin for origin, _ in self.moves}
        if stuck := set(self.states) - left - self.final:
            raise ValueError(f"{self.name}: no way leads out of {sorted(stuck)}")
        if leaving := self.final & left:
            raise ValueError(f"{self.name}: {sorted(leaving)} are final and yet left")
