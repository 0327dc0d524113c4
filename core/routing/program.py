"""A mixed-integer program as plain columns and rows, handed to HiGHS in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from highspy import Highs

INFINITE = float("inf")
SLACK = 1e-9
"""Relative error allowed for in what HiGHS reckons in floats."""
NO_BOUND = -(2**62)


def whole_bound(bound: float, scale: int) -> int:
    """Return a bound that HiGHS gives for a cost that is a multiple of 1/scale, in 1/scale, on the safe side.

    `NO_BOUND` when it was stopped before it had one.
    """
    return ceil(bound * scale - abs(bound) * scale * SLACK) if isfinite(bound) else NO_BOUND


@dataclass(slots=True)
class Model:
    """Columns and rows of a program, gathered before HiGHS gets them in one call."""

    cost: list[float] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)

    def column(self, cost: float, upper: float, *, whole: bool = False) -> int:
        """Add a column from 0 to `upper` and return its number."""
        self.cost.append(cost)
        self.lower.append(0.0)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, lower: float, upper: float, terms: Mapping[int, float]) -> None:
        """Add `lower <= sum of factor x column <= upper`."""
        self.starts.append(len(self.columns))
        self.columns.extend(terms)
        self.factors.extend(terms.values())
        self.row_lower.append(lower)
        self.row_upper.append(upper)

    def load(
        self, *, nodes: int | None = None, seconds: float | None = None, gap: float = 0.5, share: float = 0.0
    ) -> Highs:
        """Return HiGHS with the program in it, one thread, limited in search nodes or in time.

        Args:
            nodes: most nodes of its search tree.
            seconds: most seconds.
            gap: in cost, below which it may stop: under 1 proves an optimum in whole numbers.
            share: the same as a part of the cost.
        """
        import highspy  # Most processes never need it, and it takes 60 ms and 10 MB.

        highs: Highs = highspy.Highs()  # type: ignore[no-untyped-call]
        highs.setOptionValue("output_flag", False)
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("mip_rel_gap", share)
        highs.setOptionValue("mip_abs_gap", gap)
        highs.setOptionValue("mip_feasibility_tolerance", 1e-9)
        highs.setOptionValue("primal_feasibility_tolerance", 1e-9)
        if nodes is not None:
            highs.setOptionValue("mip_max_nodes", nodes)
        if seconds is not None:
            highs.setOptionValue("time_limit", seconds)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(self.cost), len(self.row_lower)
        program.col_cost_ = np.array(self.cost)
        program.col_lower_ = np.array(self.lower)
        program.col_upper_ = np.array(self.upper)
        program.row_lower_ = np.array(self.row_lower)
        program.row_upper_ = np.array(self.row_upper)
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.array([*self.starts, len(self.columns)], dtype=np.int32)
        program.a_matrix_.index_ = np.array(self.columns, dtype=np.int32)
        program.a_matrix_.value_ = np.array(self.factors)
        kinds = highspy.HighsVarType
        program.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole]
        highs.passModel(program)
        return highs
