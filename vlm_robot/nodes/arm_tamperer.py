"""
Stands between the skills and the driver of the arm: hands motions on, or lets them go wrong as drivers do.

``mode`` is one of MODES. ``block`` halts the real motion under way and says what a driver says that felt a contact;
``stick`` never ends a motion until it is cancelled; ``lie`` says that it is done and moves nothing; ``refuse`` takes
no goal; ``fail`` aborts at once. ``open_hand`` opens the real fingers, whatever the skills want.
"""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse

from vlm_robot.errors import MotionBlocked, MotionCancelled, MotionError
from vlm_robot.nodes.action_calls import call_action
from vlm_robot.nodes.action_client import ActionClient
from vlm_robot.nodes.participant import Participant
from vlm_robot_interfaces.action import MoveArm, MoveGripper

MODES = ('', 'block', 'stick', 'lie', 'refuse', 'fail')
PATIENCE = 30.0  # wall-clock seconds in which the real driver must answer
FREE_WAY = 0.25  # wall-clock seconds of a motion before it is blocked
KINDS = {'move_arm': MoveArm, 'move_gripper': MoveGripper}


class ArmTamperer(Participant):
    """Two action servers in front of the real ones."""

    def __init__(self, domain: int):
        """Connect to the driver and offer what it offers."""
        super().__init__('arm_tamperer', domain, threads=8)
        self.mode = ''
        self._is_closing = False
        self._clients = {
            name: ActionClient(self.node, kind, f'raw/{name}', callback_group=self.group)
            for name, kind in KINDS.items()
        }
        self._servers = [
            ActionServer(
                self.node,
                kind,
                name,
                lambda handle, name=name: self._execute(name, handle),
                callback_group=self.group,
                goal_callback=lambda goal: GoalResponse.REJECT if self.mode == 'refuse' else GoalResponse.ACCEPT,
                cancel_callback=lambda handle: CancelResponse.ACCEPT,
            )
            for name, kind in KINDS.items()
        ]

    def open_hand(self) -> str:
        """Open the fingers behind the back of the skills; return why that failed, or nothing."""
        goal = MoveGripper.Goal(width=0.08, force=20.0)
        try:
            return call_action(self._clients['move_gripper'], goal, server_timeout=PATIENCE).reason
        except MotionError as error:
            return str(error)

    def close(self) -> None:
        """Let motions go that stick, and leave."""
        self._is_closing = True
        super().close()

    def _execute(self, name: str, handle: Any) -> Any:
        try:
            result = self._carry_out(name, handle)
        except MotionError as error:
            result = KINDS[name].Result(reason=str(error), cancelled=isinstance(error, MotionCancelled))
            if isinstance(error, MotionBlocked) and name == 'move_arm':
                result.blocked = True
        if handle.is_cancel_requested and not result.success:
            result.cancelled = True
            handle.canceled()
        else:
            handle.succeed() if result.success else handle.abort()
        return result

    def _carry_out(self, name: str, handle: Any) -> Any:
        mode, begin = self.mode, time.monotonic()
        if mode == 'fail':
            raise MotionError('the driver of the arm has a fault')
        if mode == 'lie':
            return KINDS[name].Result(success=True, **({'width': 0.02} if name == 'move_gripper' else {}))
        ended: list[Any] = []

        def check() -> None:
            if handle.is_cancel_requested or self._is_closing:
                raise MotionCancelled('the motion was stopped on request')
            if mode == 'block' and name == 'move_arm' and time.monotonic() - begin > FREE_WAY:
                raise MotionBlocked('the move ran against something and halted')

        if mode == 'stick':
            _wait_for_ever(check)
        try:
            return call_action(
                self._clients[name], handle.request, check, server_timeout=PATIENCE, on_cancelled=ended.append
            )
        except MotionError as error:
            if not ended:
                raise
            return _tell(ended[0], error)


def _tell(result: Any, error: MotionError) -> Any:
    """Return where the arm halted, with the reason that we halted it for."""
    result.reason, result.cancelled = str(error), isinstance(error, MotionCancelled)
    if hasattr(result, 'blocked'):
        result.blocked = isinstance(error, MotionBlocked)
    return result


def _wait_for_ever(check: Callable[[], None]) -> None:
    while True:
        check()
        time.sleep(0.02)
