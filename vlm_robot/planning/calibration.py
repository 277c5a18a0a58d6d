"""
When a planner is sure enough: conformal prediction over its options, after KnowNo (Ren et al., arXiv 2307.01928).

On calibration decisions whose right step is known, the score is 1 minus the confidence in the right step;
their (1 - level) quantile, corrected for finite n, is the threshold q. At run time the prediction set holds the
options with confidence of at least 1 - q: it holds the right one with probability 1 - level, if the decisions
are alike. A set with more than one is a reason to ask. Confidence is language times affordance, normalised over
the options of the decision that do something: a model that wants to refuse or to ask says so by itself.
``training/planner_calibration.py`` makes the file that is read here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
import hashlib
import json
import math
from pathlib import Path

from vlm_robot.datatypes import OptionScore, Step
from vlm_robot.errors import ConfigError

FILE_NAME, WEIGHTS_NAME = 'calibration.json', 'adapter_model.safetensors'
SHIPPED = Path(__file__).parents[1] / 'checkpoints'


@dataclass(frozen=True)
class Calibration:
    """
    A threshold and what is known of it.

    :param threshold: q, 0..1; the set holds options with confidence of at least 1 - q.
    :param level: 0..1, how often the right option may be missing.
    :param n: decisions that set the threshold; ``tested`` are others that measured ``coverage`` and ``set_size``.
    :param normalisation: of the language scores, see ``SayCanConfig``.
    :param adapter: fingerprint of the weights that were calibrated; for others the threshold means nothing.
    """

    threshold: float
    level: float
    n: int
    coverage: float = 0.0
    set_size: float = 0.0
    tested: int = 0
    normalisation: str = 'sum'
    adapter: str = ''

    def __post_init__(self):
        """Check ranges."""
        if not (0 <= self.threshold <= 1 and 0 < self.level < 1 and self.n >= 1):
            raise ConfigError(
                f'a calibration has a threshold of 0 to 1, a level between 0 and 1 and n >= 1, got {self}'
            )


def share_confidence(options: Sequence[OptionScore]) -> list[float]:
    """Return each option's product as a share of all products but refusals'; zeros where nothing is possible."""
    products = [0.0 if option.step.skill == 'refuse' else option.product for option in options]
    total = sum(products)
    return [product / total if total > 0 else 0.0 for product in products]


def measure_surprise(options: Sequence[OptionScore], right: Collection[Step]) -> float:
    """Return 1 minus the confidence in the best of the right steps, 0..1."""
    shares = share_confidence(options)
    return 1.0 - max(
        (share for option, share in zip(options, shares, strict=True) if option.step in right), default=0.0
    )


def find_threshold(surprises: Sequence[float], level: float) -> float:
    """
    Return the conformal quantile: the ceil((n + 1)(1 - level))-th smallest surprise; 1 where n is too small.

    :raises ConfigError: there are no surprises or the level is not between 0 and 1.
    """
    if not surprises or not 0 < level < 1:
        raise ConfigError(f'a threshold needs decisions and a level between 0 and 1, got {len(surprises)} and {level}')
    rank = math.ceil((len(surprises) + 1) * (1 - level))
    return sorted(surprises)[rank - 1] if rank <= len(surprises) else 1.0


def predict_set(options: Sequence[OptionScore], threshold: float) -> tuple[OptionScore, ...]:
    """Return the possible options with confidence of at least 1 - threshold, best first; never empty."""
    shares = share_confidence(options)
    kept = [(share, option) for option, share in zip(options, shares, strict=True) if share >= 1 - threshold > 0]
    kept = kept or [(share, option) for option, share in zip(options, shares, strict=True) if share == max(shares)][:1]
    return tuple(option for _, option in sorted(kept, key=lambda pair: -pair[0]))


def fingerprint(folder: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of an adapter's weights; empty where there are none."""
    path = folder / WEIGHTS_NAME
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ''


def save_calibration(calibration: Calibration, folder: Path) -> None:
    """Write it beside the adapter that it belongs to."""
    told = asdict(replace(calibration, adapter=fingerprint(folder)))
    (folder / FILE_NAME).write_text(json.dumps(told, indent=1) + '\n')
    load_calibration.cache_clear()


@lru_cache(maxsize=8)
def load_calibration(name: str) -> Calibration | None:
    """
    Return the calibration beside a shipped adapter, or in a folder; None where none was made for these weights.

    :raises ConfigError: the file makes no sense.
    """
    folder = SHIPPED / name if (SHIPPED / name).is_dir() else Path(name)
    path = folder / FILE_NAME
    if not name or not path.is_file():
        return None
    try:
        calibration = Calibration(**json.loads(path.read_text()))
        return calibration if calibration.adapter == fingerprint(folder) else None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"'{path}' is no calibration ({error}); make it again: {COMMAND}") from error


COMMAND = '`vlm-robot train calibration`'
