"""
What one run is, and one episode of it in a worker: which suite, tier, planner, settings, and how it is keyed.

The key names everything that decides the numbers, weights included, so that results of different planners or
checkpoints never mix when a run goes on where another stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cache
import hashlib
import json
from pathlib import Path
from typing import Any

from vlm_robot.config import AgentConfig
from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.baselines import build_baseline, check_baseline
from vlm_robot.evaluation.catalogue import find_suite, KITCHEN
from vlm_robot.evaluation.episodes import EpisodeResult, find_tier, run_episode, Stack, Tier
from vlm_robot.evaluation.failures import record_episode
from vlm_robot.evaluation.journal import to_plain
from vlm_robot.evaluation.metering import Meter
from vlm_robot.evaluation.metrics import attribute_failure
from vlm_robot.language.language_loading import load_language_model
from vlm_robot.perception.clipseg import ClipSegSegmenter
from vlm_robot.perception.owlvit import OwlVitDetector
from vlm_robot.planning.planners import build_planner, KINDS

RECORDS = ('none', 'failures', 'all')
WITHOUT_MODEL = ('oracle', 'regex', 'affordance-only')
KITCHEN_PLANNERS = {
    '': 'saycan', 'llm-only': 'no_value', 'generative': 'generative', 'affordance-only': 'affordance',
    'oracle': 'expert',
}  # fmt: skip
LOWER = {'T0': (), 'T1': ('T0',), 'T2': ('T0',), 'T3': ('T0', 'T2'), 'T4': ('T0', 'T2', 'T3')}
_loaded: dict[str, Any] = {}


@dataclass(frozen=True)
class RunSpec:
    """
    One row of a table: how every episode of a run is done.

    :param planner: ``both``, ``saycan`` or ``program``; empty for what the settings say.
    :param disturbed: things go wrong on purpose at this tier; T4 and J are so anyway.
    :param attribute: run failed episodes again at lower tiers to find the room that failed.
    :param record: ``none``, ``failures`` or ``all``: of which episodes pictures and a film are kept.
    :param pictures: folder of those.
    """

    suite: str
    tier: str = 'T2'
    planner: str = ''
    baseline: str = ''
    disturbed: bool = False
    attribute: bool = True
    record: str = 'none'
    pictures: str = ''
    config: AgentConfig = field(default_factory=AgentConfig)

    def __post_init__(self):
        """Check every name before anything heavy is loaded."""
        find_tier(self.tier)
        find_suite(self.suite)
        if self.planner not in ('', *KINDS):
            raise ConfigError(f"no planner '{self.planner}'; allowed: {list(KINDS)}")
        if self.record not in RECORDS:
            raise ConfigError(f"record is one of {list(RECORDS)}, got '{self.record}'")
        if self.suite == KITCHEN and (self.baseline not in KITCHEN_PLANNERS or self.tier not in ('T0', 'T2')):
            raise ConfigError(f'the kitchen has tiers T0 and T2 and baselines {[*KITCHEN_PLANNERS][1:]}')
        if self.baseline:
            check_baseline(self.baseline)

    def read_config(self) -> AgentConfig:
        """Return the settings of the run: its planner, and an open loop for the baseline of that name."""
        loop = replace(self.config.loop, open_loop=True) if self.baseline == 'open-loop' else self.config.loop
        return replace(self.config, planner=replace(self.config.planner, kind=self.kind), loop=loop)

    @property
    def kind(self) -> str:
        """Return the kind of planner under test."""
        return self.planner or self.config.planner.kind

    @property
    def who(self) -> str:
        """Return what plans: the baseline, or the planner."""
        return self.baseline or self.kind

    def find_tier(self) -> Tier:
        """Return the tier, disturbed where this run is."""
        tier = find_tier(self.tier)
        return replace(tier, disturbed=tier.disturbed or self.disturbed or find_suite(self.suite).disturbed)

    def needs_weights(self) -> bool:
        """Return whether a checkpoint decides the numbers."""
        return self.baseline not in WITHOUT_MODEL or self.find_tier().sees

    def key(self) -> str:
        """Return what names the run and all that decides its numbers."""
        plain: dict[str, Any] = {
            'suite': find_suite(self.suite).name,
            'tier': self.tier,
            'planner': self.kind,
            'baseline': self.baseline,
            'disturbed': self.find_tier().disturbed,
            'attribute': self.attribute,
            'config': repr(self.config),
            'weights': hash_weights(self.config.language.adapter) if self.needs_weights() else '',
        }
        words = '-'.join([plain['suite'], self.tier, self.who])
        return f'{words}-{hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]}'


@cache
def hash_weights(adapter: str = '') -> str:
    """Return a digest of the checkpoints that ship with the package and of an adapter folder of one's own."""
    digest = hashlib.sha256()
    folders = [Path(__file__).resolve().parents[1] / 'checkpoints', *([Path(adapter)] if adapter else [])]
    for path in sorted(path for folder in folders for path in folder.glob('**/*.safetensors')):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def run_one(task: tuple[RunSpec, int]) -> dict:
    """Run one episode and, where it fails, find the room and keep pictures; return plain data."""
    spec, seed = task
    if spec.suite == KITCHEN:
        return run_in_kitchen(spec, seed)
    tier, suite = spec.find_tier(), find_suite(spec.suite)
    stack, plan_for, meter = load_run(spec, tier)
    episode = suite.sample(seed)

    def run(at: Tier, **hooks: Any) -> EpisodeResult:
        stack.planner = plan_for(episode)
        return run_episode(episode, at, stack, **hooks)

    meter.reset()
    result = run(tier)
    counted: dict[str, Any] = {'language_calls': meter.calls, 'language_seconds': round(meter.seconds, 4)}
    good = has_succeeded(result)
    if not good and spec.attribute:
        result = replace(result, failed_room=_find_room(tier, run))
    if spec.record == 'all' or (spec.record == 'failures' and not good):
        record_episode(Path(spec.pictures) / spec.key() / str(seed), lambda **hooks: run(tier, **hooks), tier)
    return to_plain(asdict(replace(result, **counted)))


def run_in_kitchen(spec: RunSpec, number: int) -> dict:
    """Run one instruction of the kitchen and return plain data like that of any other episode."""
    from vlm_robot.evaluation.kitchen_instructions import load_instructions
    from vlm_robot.evaluation.kitchen_suite import build_runner

    key = repr((KITCHEN, spec.config, spec.tier, spec.baseline))
    if _loaded.get('kitchen', ('',))[0] != key:
        _loaded['kitchen'] = (key, build_runner(spec.config, spec.tier, KITCHEN_PLANNERS[spec.baseline]))
    done = asdict(_loaded['kitchen'][1](load_instructions()[number]))
    known = {name: done[name] for name in EpisodeResult.__dataclass_fields__ if name in done and name != 'steps'}
    result = EpisodeResult(**known, objects=(), task=done['family'])
    return to_plain(asdict(result) | {'carried_out': done['steps']})


def _find_room(tier: Tier, run: Callable[..., EpisodeResult]) -> str:
    names = [*LOWER[tier.name], *([tier.name] if tier.disturbed and tier.name != 'T4' else [])]
    return attribute_failure(tier.name, {name: has_succeeded(run(find_tier(name))) for name in names})


def load_run(spec: RunSpec, tier: Tier) -> tuple[Stack, Callable, Meter]:
    """Return models, what makes the planner of an episode, and the counter; they stay for the next episode."""
    needs_model = spec.baseline not in WITHOUT_MODEL
    key = repr((spec.read_config(), spec.baseline, tier.sees, needs_model))
    if _loaded.get('key') != key:
        config = spec.read_config()
        models = _load_models(config, needs_model, tier.sees)
        model: Any
        model, meter = models['language'] or (None, Meter())
        planner: Any = build_planner(model, config.planner)
        plan_for = build_baseline(spec.baseline, planner, config.planner) if spec.baseline else lambda _: planner
        stack = Stack(config, model, planner, models['detector'], segmenter=models['segmenter'])
        _loaded.update(key=key, run=(stack, plan_for, meter))
    return _loaded['run']


def _load_models(config: AgentConfig, needs_model: bool, sees: bool) -> dict[str, Any]:
    """Return language model, detector and segmenter, as far as needed; loaded once for all runs of equal settings."""
    wanted = {
        'language': (repr(config.language) if needs_model else '', lambda: _load_metered(config)),
        'detector': (repr(config.detector) if sees else '', lambda: OwlVitDetector(config.detector)),
        'segmenter': (
            repr(config.segmenter) if sees and config.lifting.uses_masks else '',
            lambda: ClipSegSegmenter(config.segmenter),
        ),
    }
    models = _loaded.setdefault('models', {})
    for name, (key, load) in wanted.items():
        if key and models.get(name, ('', None))[0] != key:
            models[name] = (key, load())
    return {name: models[name][1] if key else None for name, (key, _) in wanted.items()}


def _load_metered(config: AgentConfig) -> tuple[Any, Meter]:
    model = load_language_model(config.language)
    return model, Meter(model)


def has_succeeded(result: EpisodeResult | dict) -> bool:
    """Return whether the episode counts as a success at its tier."""
    data = result if isinstance(result, dict) else result.__dict__
    return bool(data['plan_success'] if data['execution_success'] is None else data['execution_success'])
