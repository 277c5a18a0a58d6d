"""
How good success probabilities are: Brier score, calibration error, ranking, and the picture of it.

Brier 1950; expected calibration error over equally wide bins as in Guo et al. (arXiv 1706.04599); area under
the ROC curve as the share of pairs in order (Hanley and McNeil 1982). Intervals come from drawing whole
tables anew (bootstrap), because attempts on one table are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vlm_robot.evaluation.metrics import wilson_interval
from vlm_robot.planning.affordance import AffordanceConfig, judge
from vlm_robot.planning.success_features import measure
from vlm_robot.planning.success_predictor import SuccessPredictor
from vlm_robot.training.success_data import Attempt

BINS = 10
RULES = AffordanceConfig(kind='geometry')


@dataclass(frozen=True)
class Quality:
    """
    Figures of one set of predictions.

    :param brier: mean squared error of the probability; 0 is perfect.
    :param ece: mean distance between told and true share of success over equally wide bins, 0..1.
    :param auc: share of pairs of a success and a failure that are in order; 0.5 is chance.
    :param base: share of successes; ``base_brier`` is what telling that share always would score.
    """

    n: int
    base: float
    brier: float
    ece: float
    auc: float

    @property
    def base_brier(self) -> float:
        """Return the Brier score of always telling the base rate."""
        return self.base * (1 - self.base)


def grade(values: np.ndarray, truths: np.ndarray) -> Quality:
    """
    Return the figures of (N,) probabilities against (N,) outcomes.

    The area is 0.5 where all outcomes are alike.
    """
    truths = np.asarray(truths, float)
    bins = reliability(values, truths)
    ece = sum(count * abs(told - true) for told, true, count in bins) / len(truths)
    brier = float(((values - truths) ** 2).mean())
    return Quality(len(truths), float(truths.mean()), brier, float(ece), measure_auc(values, truths))


def reliability(values: np.ndarray, truths: np.ndarray) -> list[tuple[float, float, int]]:
    """Return mean probability, share of successes and count of every bin that holds something."""
    number = np.minimum((np.asarray(values) * BINS).astype(int), BINS - 1)
    groups = [number == index for index in range(BINS)]
    return [(float(values[g].mean()), float(truths[g].mean()), int(g.sum())) for g in groups if g.any()]


def measure_auc(values: np.ndarray, truths: np.ndarray) -> float:
    """Return the area under the ROC curve by ranks; ties count half."""
    good, bad = values[truths > 0.5], values[truths <= 0.5]
    if not len(good) or not len(bad):
        return 0.5
    order = np.sort(bad)
    below, up_to = np.searchsorted(order, good, 'left'), np.searchsorted(order, good, 'right')
    return float((below + up_to).mean() / (2 * len(bad)))


def is_possible(attempt: Attempt) -> bool:
    """Return whether the rules alone leave the outcome open; what they forbid is no credit to the predictor."""
    return judge(attempt.step, attempt.scene, RULES).value > 0


def predict_all(predictor: SuccessPredictor, attempts: Sequence[Attempt]) -> np.ndarray:
    """Return (N,) probabilities of the attempts, all of which name things of their scenes."""
    return predictor.predict_rows(np.array([measure(attempt.step, attempt.scene) for attempt in attempts]))


def judge_all(attempts: Sequence[Attempt]) -> np.ndarray:
    """Return (N,) affordances of the rules, with no learning."""
    return np.array([judge(attempt.step, attempt.scene, RULES).value for attempt in attempts])


def find_interval(
    values: np.ndarray, attempts: Sequence[Attempt], figure: Callable[[Quality], float], draws: int = 300
) -> tuple[float, float]:
    """Return the 95 % interval of a figure, from drawing whole tables anew."""
    truths = np.array([attempt.success for attempt in attempts], float)
    tables = np.array([attempt.table for attempt in attempts])
    members = [np.flatnonzero(tables == number) for number in np.unique(tables)]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        picks = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        drawn.append(figure(grade(values[picks], truths[picks])))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)


def tabulate(told: np.ndarray, attempts: Sequence[Attempt]) -> dict:
    """
    Return all figures of a set of attempts as plain data, beside those of the rules and of presence.

    :param told: (N,) probabilities of the attempts.
    """
    chosen = [attempt for attempt in attempts if is_possible(attempt)]
    values = np.array([value for value, attempt in zip(told, attempts, strict=True) if is_possible(attempt)])
    truths = np.array([attempt.success for attempt in chosen], float)
    rows = {'learned': values, 'geometry': judge_all(chosen), 'presence': np.ones(len(chosen))}
    figures = {name: _to_data(grade(row, truths)) for name, row in rows.items()}
    figures['learned'] |= {
        'brier_interval': find_interval(values, chosen, lambda q: q.brier),
        'auc_interval': find_interval(values, chosen, lambda q: q.auc),
        'ece_interval': find_interval(values, chosen, lambda q: q.ece),
    }
    parts = {}
    for key in ('skill', 'kind', 'view'):
        for name in sorted({_read(attempt, key) for attempt in chosen}):
            mine = np.array([_read(attempt, key) == name for attempt in chosen])
            parts[name] = _to_data(grade(values[mine], truths[mine]))
    forbidden = [attempt for attempt in attempts if not is_possible(attempt)]
    return {
        'n_all': len(attempts),
        'forbidden': {'n': len(forbidden), 'succeeded': sum(attempt.success for attempt in forbidden)},
        'possible': figures,
        'parts': parts,
        'bins': reliability(values, truths),
    }


def _read(attempt: Attempt, key: str) -> str:
    return attempt.step.skill if key == 'skill' else getattr(attempt, key)


def _to_data(quality: Quality) -> dict:
    return {name: getattr(quality, name) for name in ('n', 'base', 'base_brier', 'brier', 'ece', 'auc')}


def draw_reliability(bins: Sequence[tuple[float, float, int]], path: Path) -> None:
    """Write the reliability diagram: told against true share of success, with 95 % Wilson intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), dpi=90, layout='constrained')
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color='0.7', linewidth=1)
    for told, true, count in bins:
        low, high = wilson_interval(round(true * count), count)
        axes.plot([told, told], [low, high], color='0.5', linewidth=1)
        axes.plot(told, true, 'o', color='#2b6cb0', markersize=5)
        axes.annotate(f'{count}', (told, true), textcoords='offset points', xytext=(6, -10), fontsize=7)
    axes.set(xlabel='told probability of success', ylabel='share that succeeded', xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title('held-out attempts; numbers are counts', fontsize=9)
    figure.savefig(path)


def flip_hand(attempt: Attempt) -> Attempt:
    """Return the attempt with the hand in the wrong state: full before a pick, empty before a place."""
    names = [name for name in attempt.scene.names if name != attempt.step.target]
    held = names[0] if attempt.step.skill == 'pick' and names else ''
    return replace(attempt, scene=replace(attempt.scene, held=held), success=False)
