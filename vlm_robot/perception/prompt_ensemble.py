"""
Several wordings for one query: "red block", "the red block", "a photo of a red block", averaged to one vector.

A text tower places every wording a little elsewhere; the mean of the unit vectors, made a unit vector again, is
nearer to what all of them mean. Wordings stand in files, one a line, ``{}`` for the query; ``clip`` and ``plain``
come with the package, any other file may be named.

Source: CLIP (Radford et al., arXiv 2103.00020, section 3.1.4); OWL-ViT uses seven of its wordings (arXiv
2205.06230, appendix), without them it loses 2.8 AP on LVIS.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from vlm_robot.errors import ConfigError, name_nearest, SentenceError

FOLDER = Path(__file__).resolve().parent / 'templates'
PLACE = '{}'


def read_templates(name: str) -> tuple[str, ...]:
    """
    Return the wordings of a set that comes with the package, or of a file.

    :param name: ``clip``, ``plain``, or the path of a text file; empty lines and those that begin with # are skipped.
    :raises ConfigError: there is no such set, or a line has not exactly one ``{}``.
    """
    known = {path.stem: path for path in FOLDER.glob('*.txt')}
    path = known.get(name, Path(name))
    try:
        lines = [line.strip() for line in path.read_text(encoding='utf-8').splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no wordings '{name}'{name_nearest(name, known)}, or a text file: {error}") from error
    templates = tuple(dict.fromkeys(line for line in lines if line and not line.startswith('#')))
    wrong = next((line for line in templates if line.count(PLACE) != 1), None)
    if wrong is not None:
        raise ConfigError(f"'{path}': the wording '{wrong}' must hold {PLACE} once, where the query stands")
    if not templates:
        raise ConfigError(f"'{path}' holds no wordings; write one a line, for example: a photo of a {PLACE}")
    return templates


def fill_templates(query: str, templates: Sequence[str]) -> list[str]:
    """Return the query in every wording; raise SentenceError on a query without words."""
    if not isinstance(query, str) or not query.strip():
        raise SentenceError(f"a query must be words such as 'red block', got {query!r}")
    return [template.replace(PLACE, query.strip()) for template in templates]


def average_wordings(embeds: torch.Tensor, wordings: int) -> torch.Tensor:
    """
    Return (Q, D) unit vectors from (Q * wordings, D) unit vectors, the wordings of a query in a row.

    A query of one wording comes back as it was.
    """
    if wordings == 1:
        return embeds
    mean = embeds.unflatten(0, (-1, wordings)).mean(1)
    return torch.nn.functional.normalize(mean, dim=-1)
