"""
The faults of the bench: what is broken, in which phase of a task, how it is mended, what may come of it.

A fault is a row of ``list_faults``: name, phase, how to inject, how to heal, which ends of the task are right. A task
that is broken may end as failed, refused or cancelled; ``done`` is right where the fault does not touch what the task
needs, and then only if the simulator's truth agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from vlm_robot.errors import ConfigError, name_nearest
from vlm_robot.nodes import disk_faults, scenes_of_faults, tampering
from vlm_robot.nodes.errands import Outcome
from vlm_robot.nodes.fault_stage import Stage
from vlm_robot.nodes.graph import NODES, WATCH
from vlm_robot.nodes.tampering import Tamper

PHASES = ('idle', 'looking', 'moving', 'holding')
ANY = ('done', 'failed', 'refused', 'cancelled')
NOT_DONE = ('failed', 'refused', 'cancelled')
Act = Callable[[Stage, 'Fault'], Outcome]


@dataclass(frozen=True)
class Fault:
    """
    One row of the bench.

    :param phase: when it is injected: ``idle`` is before the task is given, the others are phases of the task.
    :param inject: breaks something.
    :param heal: mends it beyond what ``Stage.heal`` mends anyway.
    :param expected: how the task may end.
    :param kills: nodes that ``inject`` ends by force.
    :param prevents_start: before it is healed, what was killed cannot start; its time counts from then.
    :param planner: ``scripted`` (a language server that can misbehave) or ``model`` (the one that ships).
    :param unheard: the task is one that the planner cannot know by heart.
    :param act: plays the fault where it is not inject, wait for the end.
    """

    name: str
    phase: str
    inject: Callable[[Stage], None] = lambda stage: None
    heal: Callable[[Stage], None] = lambda stage: None
    expected: tuple[str, ...] = ANY
    kills: tuple[str, ...] = ()
    prevents_start: bool = False
    planner: str = 'scripted'
    unheard: bool = False
    act: Act | None = None

    def __post_init__(self) -> None:
        """Refuse phases and ends that do not exist."""
        if self.phase not in PHASES or not set(self.expected) <= set(ANY):
            raise ConfigError(f"fault '{self.name}': phase {self.phase} of {PHASES}, ends {self.expected} of {ANY}")

    @property
    def key(self) -> str:
        """Return what tells it from all others."""
        return f'{self.name}/{self.phase}'

    def allows(self, status: str, is_true: bool | None) -> bool:
        """
        Return whether a task may end so.

        A fault that comes when the arm moves or holds may find the robot knowing enough to end the task, and one before
        it has moved may be over while it waits, where the table shows that the task is true; one that was to be
        cancelled may not end so.

        :param is_true: what the simulator says of the task; None where it does not answer.
        """
        can_be_ended = self.phase in PHASES[1:] and 'failed' in self.expected
        return status in self.expected or (status == 'done' and is_true is True and can_be_ended)


def list_faults(beside: Sequence[str] = WATCH) -> list[Fault]:
    """Return all faults in the order in which they are played; ``beside``: nodes that no task needs."""
    return [*_list_kills(), *_list_kills_beside(beside), *_list_pauses(), *_list_cameras(), *_list_clock(),
            *_list_arm(), *_list_servers(), *_list_strangers(), *_list_clients(), *_list_disk()]  # fmt: skip


def choose(faults: list[Fault], patterns: list[str]) -> list[Fault]:
    """
    Return the faults whose name or name/phase fits one of the patterns (``*`` fits anything); none means all.

    :raises ConfigError: a pattern fits nothing.
    """
    chosen = []
    for pattern in patterns:
        fitting = [fault for fault in faults if fnmatch(fault.key, pattern) or fnmatch(fault.name, pattern)]
        if not fitting:
            raise ConfigError(f"no fault fits '{pattern}'{name_nearest(pattern, {fault.name for fault in faults})}")
        chosen += [fault for fault in fitting if fault not in chosen]
    return [fault for fault in faults if fault in chosen] if patterns else faults


def _list_kills() -> list[Fault]:
    return [
        Fault(
            f'{node} killed',
            phase,
            lambda stage, node=node: stage.kill(node),
            # A simulator that is back soon stands before its first table: the skill fails and is tried again there.
            expected=('failed', 'done') if phase == 'idle' or node == 'sim' else ('failed',),
            kills=(node,),
            planner='model' if node == 'planner' and phase == 'idle' else 'scripted',
        )
        for node in NODES
        for phase in PHASES
    ]


def _list_kills_beside(nodes: Sequence[str]) -> list[Fault]:
    return [
        Fault(f'{node} killed', phase, lambda stage, node=node: stage.kill(node), expected=('done',), kills=(node,))
        for node in nodes
        for phase in ('idle', 'moving')
    ]


def _list_pauses() -> list[Fault]:
    return [
        Fault(
            f'{node} hangs',
            'moving',
            lambda stage, node=node: stage.pause(node),
            lambda stage, node=node: stage.pause(node, stops=False),
            act=scenes_of_faults.let_hang,
        )
        for node in NODES
    ]


def _tampered(name: str, build: Callable[[], Tamper], *phases: str, expected: tuple[str, ...] = ANY) -> list[Fault]:
    def inject(stage: Stage) -> None:
        stage.tamperer.tamper = build()

    return [Fault(name, phase, inject, expected=expected) for phase in phases or ('idle',)]


def _list_cameras() -> list[Fault]:
    nan = float('nan')
    return [
        *_tampered('cameras stall', tampering.drop, 'idle', 'moving', 'holding', expected=NOT_DONE),
        *_tampered('one camera stalls', lambda: tampering.drop(sources=('front',)), 'idle'),
        *_tampered('cameras repeat a frame', tampering.freeze, 'looking', 'moving'),
        *_tampered('depth NaN', lambda: tampering.fill_depth(nan), 'idle', 'holding', expected=NOT_DONE),
        *_tampered('depth zero', lambda: tampering.fill_depth(0.0), expected=NOT_DONE),
        *_tampered('depth infinite', lambda: tampering.fill_depth(float('inf')), expected=NOT_DONE),
        *_tampered('depth saturated', lambda: tampering.fill_depth(65.535), 'idle', 'holding', expected=NOT_DONE),
        *_tampered('depth negative', lambda: tampering.fill_depth(-1.0), expected=NOT_DONE),
        *_tampered('no depth', lambda: tampering.drop(('depth',)), expected=NOT_DONE),
        *_tampered('colour black', lambda: tampering.fill_colour(0), expected=NOT_DONE),
        *_tampered('colour white', lambda: tampering.fill_colour(255), expected=NOT_DONE),
        *_tampered('colour noise', tampering.scramble_colour, expected=NOT_DONE),
        *_tampered('colour encoding unknown', lambda: tampering.rename_encoding('image', 'x'), expected=NOT_DONE),
        *_tampered('colour called mono8', lambda: tampering.rename_encoding('image', 'mono8')),
        *_tampered('depth encoding unknown', lambda: tampering.rename_encoding('depth', 'x'), expected=NOT_DONE),
        *_tampered('depth called 16UC1', lambda: tampering.rename_encoding('depth', '16UC1'), expected=NOT_DONE),
        *_tampered('image 0x0', lambda: tampering.resize('image', 0, 0), 'idle', 'moving', expected=NOT_DONE),
        *_tampered('depth 0x0', lambda: tampering.resize('depth', 0, 0), expected=NOT_DONE),
        *_tampered('image size wrong', lambda: tampering.resize('image', 4000, 3000), expected=NOT_DONE),
        *_tampered('image cut', lambda: tampering.cut('image'), expected=NOT_DONE),
        *_tampered('no camera_info', lambda: tampering.drop(('camera_info',)), 'idle', 'moving', expected=NOT_DONE),
        *_tampered('camera_info zero', lambda: tampering.calibrate(0.0), expected=NOT_DONE),
        *_tampered('camera_info NaN', lambda: tampering.calibrate(nan), expected=NOT_DONE),
        *_tampered('no camera pose', lambda: tampering.drop(('pose',)), expected=NOT_DONE),
        *_tampered('camera pose NaN', lambda: tampering.misplace(nan), expected=NOT_DONE),
        *_tampered('camera poses swapped', tampering.swap_poses, 'idle', 'moving', 'holding'),
        *_tampered('camera pose 100 m off', lambda: tampering.misplace(100.0), expected=NOT_DONE),
        *_tampered('camera stamps zero', tampering.zero_stamps, 'idle', 'moving'),
        *_tampered('camera stamps an hour ahead', lambda: tampering.shift_stamps(3600.0), 'idle', 'moving'),
    ]  # fmt: skip


def _list_clock() -> list[Fault]:
    clock = ('clock',)
    return [
        *_tampered('clock frozen', lambda: tampering.drop(clock), 'idle', 'moving', 'holding'),
        *_tampered('clock an hour ahead', lambda: tampering.shift_stamps(3600.0, clock), 'idle', 'moving'),
        *_tampered('clock an hour back', lambda: tampering.shift_stamps(-3600.0, clock), 'idle', 'moving'),
        *_tampered('clock swings by 100 s', lambda: tampering.swing_clock(100.0), 'idle', 'moving'),
    ]


def _list_arm() -> list[Fault]:
    def set_mode(mode: str) -> Callable[[Stage], None]:
        def inject(stage: Stage) -> None:
            stage.arm.mode = mode

        return inject

    silent = ('tcp_pose', 'joint_states')
    return [
        Fault('object lost from the hand', 'holding', scenes_of_faults.open_hand),
        Fault('motion blocked', 'idle', set_mode('block'), expected=NOT_DONE),
        Fault('motion blocked', 'holding', set_mode('block'), expected=NOT_DONE),
        Fault('driver takes no goal', 'idle', set_mode('refuse'), expected=NOT_DONE),
        Fault('driver fails', 'moving', set_mode('fail'), expected=NOT_DONE),
        Fault('driver lies', 'idle', set_mode('lie'), expected=NOT_DONE),
        Fault('driver never ends a motion', 'idle', set_mode('stick'), act=scenes_of_faults.cancel_what_sticks),
        *_tampered('driver silent', lambda: tampering.drop(silent), 'moving', 'holding', expected=NOT_DONE),
        Fault('arm stopped by another', 'moving', scenes_of_faults.stop_arm, expected=ANY),
    ]


def _list_servers() -> list[Fault]:
    def set_fault(fault: str) -> Callable[[Stage], None]:
        def inject(stage: Stage) -> None:
            stage.server.fault = fault

        return inject

    names = {
        'hang': 'language server silent',
        'trickle': 'language server slow',
        'garbage': 'language server talks HTML',
        'shape': 'language server answers something else',
        'deep': 'language server answers 100,000 brackets',
        'cut': 'language server stops in mid-answer',
        '500': 'language server error 500',
    }
    rows = [Fault(name, 'idle', set_fault(f), expected=NOT_DONE, unheard=True) for f, name in names.items()]
    end, begin = scenes_of_faults.end_server, scenes_of_faults.begin_server
    rows.append(Fault('language server gone', 'idle', end, begin, NOT_DONE, unheard=True))
    rows.append(Fault('language server gone', 'moving', end, begin, unheard=True))
    start = scenes_of_faults.restart_planner_without_server
    name = 'language server gone at start'
    rows.append(Fault(name, 'idle', start, begin, NOT_DONE, ('planner',), prevents_start=True, unheard=True))
    return rows


def _list_strangers() -> list[Fault]:
    return [
        Fault(f'strangers: {name}', phase, scenes_of_faults.invite(name), scenes_of_faults.dismiss)
        for name in scenes_of_faults.STRANGERS
        for phase in ('idle', 'moving')
    ]


def _list_clients() -> list[Fault]:
    play = scenes_of_faults
    return [
        Fault('100 goals at once', 'idle', act=play.send_hundred, expected=('done',)),
        Fault('two clients', 'moving', act=play.send_second, expected=('done',)),
        Fault('client gone', 'moving', act=play.leave_client, expected=('done',)),
        *(Fault('cancelled', phase, act=play.cancel, expected=('cancelled',)) for phase in PHASES),
        Fault('cancelled by another', 'moving', act=play.cancel_by_other, expected=('cancelled',)),
        Fault('new table while moving', 'moving', act=play.load_while_moving, expected=('done',)),
    ]


def _list_disk() -> list[Fault]:
    return [
        Fault('disk full', 'idle', disk_faults.fill, disk_faults.free, ('done',)),
        Fault('disk full', 'moving', disk_faults.fill, disk_faults.free, ('done',)),
        Fault('disk full for a recording', 'moving', disk_faults.record_on_full, disk_faults.end_recording, ('done',)),
        Fault('disk full at the start of all nodes', 'idle', disk_faults.restart_on_full, disk_faults.restart_on_free,
              kills=NODES),
    ]  # fmt: skip
