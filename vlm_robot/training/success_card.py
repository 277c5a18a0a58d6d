"""The text of the success predictor's card; its figures come from ``success_measure.tabulate``."""

from __future__ import annotations

from typing import Any

CARD = """# success: how likely a skill is to succeed here and now

What it does: for one step (`pick`, `place_in`, `place_on`, `place_at`, with its arguments) and the scene as the robot
believes it, the probability that the step comes true. It is the "can" of SayCan in the place of the paper's learned
value functions; `vlm_robot/planning/affordance.py` asks it after every look. What rules alone forbid (absent, hand
full, covered, out of reach ...) stays with the rules and their reasons.

- **Form**: {inputs} features of the scene (`vlm_robot/planning/success_features.py`), one hidden layer of {hidden} tanh
  units, float32 safetensors, numpy at run time.
- **Data**: {fit} attempts in PyBullet on random tables: roomy, crowded, at and beyond the edges of reach, stacked,
  bowls that fill up; true, seen and rough scenes. The simulator says what succeeded, not the skill
  (`training/success_data.py`).
- **Detection scores**: errors and scores of 120 real looks of the shipped detector (`sight.json`,
  `training/success_sight.py`); phantoms more often than real looks have them; the score of rough scenes is an
  assumption.
- **Split**: fitted to all of them; temperature {temperature:.2f} and bias {bias:+.2f} from predictions out of fold
  (five folds by table); measured on {test} attempts on fresh tables.
- **Kept out**: all streams of random numbers of scenarios and evaluation.
- **Licence**: Apache-2.0.

## Figures
Attempts on fresh tables that the rules leave open (n = {n}, {base:.1%} succeeded); 95 % intervals from drawing whole
tables anew. Of {forbidden} attempts that the rules forbid, {forbidden_good} succeeded.

| affordance | Brier | ECE (10 bins) | AUC |
|---|---|---|---|
| learned | {learned[brier]:.3f} ({bl:.3f}-{bh:.3f}) | {learned[ece]:.3f} ({el:.3f}-{eh:.3f}) | \
{learned[auc]:.3f} ({al:.3f}-{ah:.3f}) |
| rules (`geometry`) | {geometry[brier]:.3f} | {geometry[ece]:.3f} | {geometry[auc]:.3f} |
| presence (SayCan's notebook) | {presence[brier]:.3f} | {presence[ece]:.3f} | {presence[auc]:.3f} |
| always the base rate | {base_brier:.3f} | | 0.500 |

Out of fold on the attempts it was fitted to (n = {cross[n]}, {cross[base]:.1%} succeeded): Brier {cross[brier]:.3f}
(always the base rate: {cross[base_brier]:.3f}), ECE {cross[ece]:.3f}, AUC {cross[auc]:.3f}.

![reliability](reliability.png)

| part | n | succeeded | Brier | ECE | AUC |
|---|---|---|---|---|---|
{parts}

## Limits
The simulator's physics, this gripper, 4 cm blocks and 12 cm bowls. It knows nothing of skills that are not in the
list above; those keep the rules' values. Small parts have wide intervals; the attempts are harder than the suite's
tables on purpose.

## Commands
    vlm-robot train success --out runs/success    # again from nothing, half an hour of one core
    vlm-robot measure success                     # the shipped one on 48 fresh tables
"""
ROW = '| {name} | {n} | {base:.1%} | {brier:.3f} | {ece:.3f} | {auc:.3f} |'


def write_card(figures: dict[str, Any], config: Any) -> str:
    """Return the card of a predictor with these figures."""
    from vlm_robot.planning.success_features import FEATURES

    possible, counts = figures['possible'], figures['counts']
    learned = possible['learned']
    (bl, bh), (el, eh), (al, ah) = (learned[f'{name}_interval'] for name in ('brier', 'ece', 'auc'))
    return CARD.format(
        inputs=len(FEATURES),
        hidden=config.hidden,
        cross=figures['cross_validation'],
        **counts,
        **figures['calibration'],
        n=learned['n'],
        base=learned['base'],
        base_brier=learned['base_brier'],
        forbidden=figures['forbidden']['n'],
        forbidden_good=figures['forbidden']['succeeded'],
        **possible,
        bl=bl, bh=bh, el=el, eh=eh, al=al, ah=ah,
        parts='\n'.join(ROW.format(name=name, **row) for name, row in figures['parts'].items()),
    )  # fmt: skip
