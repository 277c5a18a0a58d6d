"""A page that tells what happened, for a browser: sentences, pictures, scores, the film. No script, no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#222;background:#fafaf8}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid #ccc;padding-top:1rem}
img{max-width:48%;margin:.2rem;border-radius:4px;vertical-align:top}.ok{color:#287a3c}.bad{color:#b3261e}
p.scene{color:#555}table{border-collapse:collapse}
pre{background:#f0f0ea;padding:.6rem;border-radius:4px}pre b{background:#dcebc8}tr.chosen{background:#e2ead6}
i.bar{display:inline-block;height:.7rem;margin-right:.4rem}.say{background:#4674be}.can{background:#cd4b41}
.both{background:#785596}
td,th{padding:.2rem .8rem;text-align:left;border-bottom:1px solid #ddd}
"""


def write_story(path: Path, tasks: Sequence[tuple[dict, Sequence[Sequence[str]]]], film: str = '') -> None:
    """
    Write an HTML page about tasks.

    :param tasks: the plain data of a task (``describe_task``) with, for every step, the names of picture
        files beside the page.
    :param film: name of an animated file beside the page.
    """
    parts = [f'<!doctype html><meta charset="utf-8"><title>vlm_robot</title><style>{STYLE}</style><h1>vlm_robot</h1>']
    if film:
        parts.append(f'<p><img src="{escape(film)}" alt="film of the arm"></p>')
    for report, pictures in tasks:
        parts.append(_tell_task(report, pictures))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(parts), encoding='utf-8')


def _tell_task(report: dict, pictures: Sequence[Sequence[str]]) -> str:
    kind = 'ok' if report['status'] == 'done' else 'bad'
    parts = [
        f'<h2>“{escape(report["sentence"])}”</h2>',
        *(f'<p class="scene">{escape(note)}</p>' for note in report.get('notes', ())),
        *(f'<p>{_tell_question(*pair)}</p>' for pair in report.get('questions', ())),
        f'<p class="{kind}">{escape(report["status"])}: {escape(report["reason"])}</p>',
        f'<p>planned: {escape(", ".join(report["plan"]))}</p>',
    ]
    program = report.get('program', '')
    if program:
        parts.append(_show_program(program, 0))
    for number, step in enumerate(report['steps'], start=1):
        parts += _tell_step(number, step, program)
        for name in pictures[number - 1] if number <= len(pictures) else ():
            parts.append(f'<img src="{escape(name)}" alt="{escape(name)}">')
    sight = report.get('sight', ())
    if sight:
        parts.append('<h3>what it sees and says at the end</h3>')
        parts += [f'<img src="{escape(name)}" alt="{escape(name)}">' for name in sight]
    return '\n'.join(parts)


def _tell_question(asked: str, answer: str) -> str:
    if not asked:
        return f'a person said: “{escape(answer)}”'
    return f'asked: {escape(asked)} {f"answered: “{escape(answer)}”" if answer else "not answered"}'


def _tell_step(number: int, step: dict, program: str) -> list[str]:
    outcome = 'ok' if step['success'] else 'bad'
    parts = [
        f'<h3>{number}. {escape(step["step"])} <span class="{outcome}">'
        f'{"ok" if step["success"] else escape(step["reason"] or "failed")}</span></h3>'
    ]
    if program and step.get('line'):
        parts.append(_show_program(program, step['line']))
    rows = ''.join(
        f'<tr{" class=chosen" if o["text"] == step["step"] else ""}><td>{escape(o["text"])}</td>'
        f'{_draw(o["language"], "say")}{_draw(o["affordance"], "can")}{_draw(o["product"], "both")}'
        f'<td>{escape(o["reason"])}</td></tr>'
        for o in step['options']
    )
    parts.append(f'<table><tr><th>option<th>say<th>can<th>say × can<th></tr>{rows}</table>')
    parts.append(f'<p class="scene">{escape(step["scene"])}</p>')
    return parts


def _draw(value: float, kind: str) -> str:
    width = 6 * min(max(value, 0.0), 1.0)
    return f'<td><i class="bar {kind}" style="width:{width:.2f}rem"></i>{value:.3f}</td>'


def _show_program(program: str, line: int) -> str:
    lines = [escape(text) for text in program.splitlines() if text.strip()]
    marked = (f'<b>{text}</b>' if number == line else text for number, text in enumerate(lines, start=1))
    return f'<pre>{chr(10).join(marked)}</pre>'
