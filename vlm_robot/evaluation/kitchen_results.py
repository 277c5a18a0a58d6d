"""What one kitchen instruction gave, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KitchenGrade:
    """How good a plan is on paper; a plan that moves what the goal does not name is no success."""

    success: bool
    executability: float  # 0..1, steps that the symbolic kitchen accepts
    recall: float  # 0..1, goal condition recall
    reason: str = ''


@dataclass(frozen=True)
class KitchenResult:
    """What one instruction gave; ``seed`` is its number in the file."""

    seed: int
    family: str
    sentence: str
    status: str
    reason: str
    plan: tuple[str, ...]
    plan_success: bool
    execution_success: bool | None
    goal_condition_recall: float
    executability: float
    steps: tuple[str, ...] = ()
    seconds: float = 0.0
    failed_room: str = ''  # language where the plan is wrong, else motion; empty after a success
