"""Faults that are more than a switch: who comes in, what is done in which order, what counts as the outcome."""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import TYPE_CHECKING

from action_msgs.srv import CancelGoal

from vlm_robot.errors import VlmRobotError
from vlm_robot.language.fake_server import FakeServer
from vlm_robot.nodes import strangers
from vlm_robot.nodes.errands import ERRANDS, FIRST, Outcome, Pending, PhaseMissed, SECOND
from vlm_robot.nodes.fault_stage import BUSY, Stage
from vlm_robot.nodes.task_client import TaskClient
from vlm_robot.nodes.witness import wait_until

if TYPE_CHECKING:
    from vlm_robot.nodes.faults import Fault

STRANGERS = {
    'other types': strangers.speak_other_types,
    'broken bytes': strangers.speak_broken_bytes,
    'wild driver and detector': strangers.speak_wild_values,
    'wild scene and hand': strangers.speak_wild_scene,
}
HANG_TIME = 25.0  # wall-clock seconds that a process hangs; the middleware takes it for gone after 20
STICKING = 15.0  # wall-clock seconds after which a person loses patience with a motion
HUNDRED = 100
ENDS = ('done', 'failed', 'refused', 'cancelled')
_guests: list[strangers.Stranger] = []


def reach(stage: Stage, fault: Fault) -> Pending:
    """Give the task and wait for the phase of the fault; raise PhaseMissed when the task ends before."""
    pending = stage.give(FIRST)
    if fault.phase != 'idle':
        wait_until(lambda: pending.is_over or stage.witness.is_in(fault.phase), stage.patience)
        if pending.is_over:
            raise PhaseMissed(f'the phase {fault.phase} never came: {pending.wait(0.0).reason}')
    return pending


def play(stage: Stage, fault: Fault) -> Outcome:
    """Break something in its phase and return how the task ended."""
    if fault.phase == 'idle':
        fault.inject(stage)
        return stage.give(stage.next_unheard() if fault.unheard else FIRST).wait(stage.patience)
    pending = reach(stage, fault)
    fault.inject(stage)
    return pending.wait(stage.patience)


def let_hang(stage: Stage, fault: Fault) -> Outcome:
    """Stop a process for a while and let it go on; the task may end meanwhile or afterwards."""
    pending = reach(stage, fault)
    fault.inject(stage)
    wait_until(lambda: False, HANG_TIME, 0.5)
    fault.heal(stage)
    return pending.wait(stage.patience)


def cancel_what_sticks(stage: Stage, fault: Fault) -> Outcome:
    """Wait for a motion that never ends, lose patience, cancel."""
    fault.inject(stage)
    pending = stage.give(FIRST)
    wait_until(lambda: pending.is_over, STICKING, 0.1)
    stage.client.cancel()
    return pending.wait(stage.patience)


def stop_arm(stage: Stage) -> None:
    """Cancel every motion of the arm from outside, as the stop button of another program would."""
    node = stage.witness.node
    client = node.create_client(CancelGoal, 'move_arm/_action/cancel_goal')
    if client.wait_for_service(10.0):
        future = client.call_async(CancelGoal.Request())
        wait_until(future.done, 10.0)


def open_hand(stage: Stage) -> None:
    """Let the hand lose what it holds."""
    stage.arm.open_hand()


def end_server(stage: Stage) -> None:
    """Close the port of the language server."""
    stage.server.__exit__()


def begin_server(stage: Stage) -> None:
    """Open the same port again."""
    stage.server = FakeServer({f'# {e.sentence}\ndef task():': e.program for e in ERRANDS}, port=stage.port)
    stage.server.__enter__()


def restart_planner_without_server(stage: Stage) -> None:
    """Close the port and kill the planner: it says why it cannot start, ends with code 1, and is started again."""
    end_server(stage)
    stage.kill('planner')
    stage.wait_for_restart('planner')
    wait_until(lambda: 'could not configure' in stage.read_log('planner'), stage.patience)


def invite(name: str) -> Callable[[Stage], None]:
    """Return what lets strangers speak."""

    def inject(stage: Stage) -> None:
        _guests.append(STRANGERS[name](stage.graph.domain))
        time.sleep(1.0)  # discovery

    return inject


def dismiss(stage: Stage) -> None:
    """Send the strangers away."""
    while _guests:
        _guests.pop().close()


def send_hundred(stage: Stage, fault: Fault) -> Outcome:
    """Give one task a hundred times at once: one is carried out, all others are refused with a reason."""
    crowd = strangers.Crowd(stage.graph.domain)
    try:
        counts = crowd.send_many(FIRST.sentence, HUNDRED, stage.patience)
    finally:
        crowd.close()
    words = ', '.join(f'{number} {status}' for status, number in sorted(counts.items()))
    is_right = counts['done'] >= 1 and counts['done'] + counts['refused'] == HUNDRED
    return Outcome('done' if is_right else 'failed', words)


def send_second(stage: Stage, fault: Fault) -> Outcome:
    """Let a second client give a task while one runs: it is turned away, the first goes on."""
    pending = reach(stage, fault)
    with TaskClient(stage.graph.domain, cameras=()) as other:
        try:
            second = other.send(SECOND.sentence)
        except VlmRobotError as error:
            return Outcome('failed', f'second client: {error}')
    first = pending.wait(stage.patience)
    if second.status != 'refused' or BUSY not in second.reason:
        return Outcome('failed', f'the second client got {second.status}: {second.reason}')
    return Outcome(first.status, f'{first.reason}; the second client was told: {second.reason}')


def leave_client(stage: Stage, fault: Fault) -> Outcome:
    """Let the client die while its task runs: the robot finishes what it was told."""
    stage.witness.begin()
    crowd = strangers.Crowd(stage.graph.domain)
    crowd.send_and_forget(FIRST.sentence)
    wait_until(lambda: stage.witness.is_in(fault.phase), stage.patience)
    crowd.close()
    if not wait_until(lambda: stage.witness.phase in ENDS, stage.patience):
        return Outcome('hung', f'the plan stays {stage.witness.phase or "unheard"}')
    status, reason = stage.witness.told[-1]
    return Outcome(status, reason or 'finished without its client')


def cancel(stage: Stage, fault: Fault) -> Outcome:
    """Cancel a task in its phase; ``idle`` cancels as soon as it was sent."""
    pending = reach(stage, fault)
    stage.client.cancel()
    return pending.wait(stage.patience)


def cancel_by_other(stage: Stage, fault: Fault) -> Outcome:
    """Let somebody else cancel every task."""
    pending = reach(stage, fault)
    crowd = strangers.Crowd(stage.graph.domain)
    try:
        crowd.cancel_all()
    finally:
        crowd.close()
    return pending.wait(stage.patience)


def load_while_moving(stage: Stage, fault: Fault) -> Outcome:
    """Ask the simulator for another table while the arm moves: refused, the task goes on."""
    pending = reach(stage, fault)
    told = ''
    try:
        stage.client.load_scenario('blocks_and_bowls', 3)
    except VlmRobotError as error:
        told = str(error)
    outcome = pending.wait(stage.patience)
    return outcome if told else Outcome('failed', 'the table was taken away under the moving arm')
