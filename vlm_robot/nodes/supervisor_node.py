"""
Brings the managed nodes up, watches them, and brings them up again when they come back after a crash.

It talks to them by the lifecycle services that every managed node has, and to nobody else: processes are started
again by whoever started them (``respawn`` of launch, ``./run up``). A transition that fails is tried again, later
each time. The service ``~/set_active`` puts all of them to rest and wakes them; a resting node keeps its model. A node
that somebody else deactivates, for example to load another model, is left alone until it is active again or gone.
"""

from __future__ import annotations

from dataclasses import dataclass
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lifecycle_msgs.msg import State, Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import SetBool

from vlm_robot.errors import ConfigError
from vlm_robot.nodes import lifespan, parameters
from vlm_robot.nodes.liveness import reliable_qos

STATES = {
    State.PRIMARY_STATE_UNCONFIGURED: 'unconfigured',
    State.PRIMARY_STATE_INACTIVE: 'inactive',
    State.PRIMARY_STATE_ACTIVE: 'active',
    State.PRIMARY_STATE_FINALIZED: 'finalized',
}
WAY_UP = {'unconfigured': Transition.TRANSITION_CONFIGURE, 'inactive': Transition.TRANSITION_ACTIVATE}
NAMES = {Transition.TRANSITION_CONFIGURE: 'configure', Transition.TRANSITION_ACTIVATE: 'activate',
         Transition.TRANSITION_DEACTIVATE: 'deactivate'}  # fmt: skip


@dataclass(frozen=True)
class SupervisorNodeConfig:
    """Who is watched, and how patiently."""

    nodes: tuple[str, ...] = ('detector', 'planner')  # managed nodes of this namespace
    where_present: tuple[str, ...] = ('segmenter', 'grounder', 'describer')  # watched from when they are first seen
    period: float = 0.5  # s of the wall clock between two looks at each node
    answer_timeout: float = 5.0  # s, a node that does not tell its state for longer is absent
    transition_timeout: float = 180.0  # s, a transition may load a large model
    first_pause: float = 1.0  # s until a node that changed by itself is helped on; of a failure, doubled each time
    longest_pause: float = 30.0  # s

    def __post_init__(self) -> None:
        """Refuse what cannot be waited for."""
        for name in ('period', 'answer_timeout', 'transition_timeout', 'first_pause'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name} is {getattr(self, name)}; allowed: above 0')
        if self.longest_pause < self.first_pause:
            raise ConfigError(f'longest_pause {self.longest_pause} is shorter than first_pause {self.first_pause}')


class Ward:
    """One managed node: its state as far as it is known, and what is being asked of it."""

    def __init__(self, node: Node, name: str, config: SupervisorNodeConfig, group: ReentrantCallbackGroup):
        """Make the clients."""
        self.name, self.state, self.failures, self.returns = name, 'absent', 0, 0
        self.was_seen = self.is_rested = False  # rested: by somebody else, who also wakes it
        self._node, self._config = node, config
        self._get = node.create_client(GetState, f'{name}/get_state', callback_group=group)
        self._change = node.create_client(ChangeState, f'{name}/change_state', callback_group=group)
        self._asked: Future | None = None
        self._transition, self._deadline, self._next_try, self._was_up = 0, 0.0, 0.0, False
        self._was_asked = self._puts_to_rest = False  # the newest change of state came from here
        node.create_subscription(TransitionEvent, f'{name}/transition_event', self._watch, reliable_qos(10))

    def tend(self, wants_active: bool) -> None:
        """Take in an answer that has come, or ask the next thing; never waits."""
        now = time.monotonic()
        if self._asked is not None:
            if self._asked.done():
                self._hear(self._asked.result(), now)
            elif now > self._deadline:
                self._asked.cancel()
                self._lose('it does not answer')
            return
        if not self._get.service_is_ready():
            self._lose('its process is gone')
            return
        transition = self._choose(wants_active)
        if transition and now >= self._next_try:
            self._ask(self._change, ChangeState.Request(transition=Transition(id=transition)), transition)
        else:
            self._ask(self._get, GetState.Request(), 0)

    def _choose(self, wants_active: bool) -> int:
        if wants_active:
            return 0 if self.is_rested else WAY_UP.get(self.state, 0)
        return Transition.TRANSITION_DEACTIVATE if self.state == 'active' else 0

    def _ask(self, client, request, transition: int) -> None:
        self._transition = transition
        self._puts_to_rest |= transition == Transition.TRANSITION_DEACTIVATE
        patience = self._config.transition_timeout if transition else self._config.answer_timeout
        self._deadline = time.monotonic() + patience
        self._asked = client.call_async(request)

    def _hear(self, answer, now: float) -> None:
        self._asked = None
        if self._transition:
            self.state, self._was_asked = 'in transition', True  # until it tells its state
        if self._transition and answer.success:
            self.failures = 0
        elif self._transition:
            self.failures += 1
            pause = min(self._config.first_pause * 2 ** (self.failures - 1), self._config.longest_pause)
            self._next_try, what = now + pause, NAMES[self._transition]
            self._node.get_logger().error(
                f'{self.name} could not {what} ({self.failures} times; its log says why); again in {pause:g} s'
            )
        else:
            self._note(STATES.get(answer.current_state.id, 'in transition'))

    def _note(self, state: str) -> None:
        self.was_seen = True
        if state != self.state and not self._was_asked:  # who starts by itself is not helped at once
            self._next_try = max(self._next_try, time.monotonic() + self._config.first_pause)
        self._was_asked = False
        if state == 'active' and self.state != 'active':
            self.returns += self._was_up
            self._was_up = True
            self._node.get_logger().info(f'{self.name} is active')
        self.state = state

    def _lose(self, why: str) -> None:
        if self.state != 'absent':
            self._node.get_logger().warning(f'{self.name} is absent: {why}')
        self._asked, self.state, self.failures, self._next_try = None, 'absent', 0, 0.0
        self.is_rested = self._was_asked = self._puts_to_rest = False

    def _watch(self, event: TransitionEvent) -> None:
        """Learn who puts the node to rest and who wakes it."""
        if event.goal_state.id == State.TRANSITION_STATE_DEACTIVATING:
            self.is_rested, self._puts_to_rest = not self._puts_to_rest, False
            if self.is_rested:
                self._node.get_logger().info(f'{self.name} is put to rest by somebody else, who must wake it')
        elif event.goal_state.id == State.TRANSITION_STATE_ACTIVATING:
            self.is_rested, self.state = False, 'in transition'  # what it told before counts no more


class SupervisorNode(Node):
    """The one who wakes the others."""

    def __init__(self):
        """Begin to watch."""
        super().__init__('supervisor', **lifespan.NODE_OPTIONS)
        self.config = parameters.declare(self, SupervisorNodeConfig())
        self.wants_active = True
        group = ReentrantCallbackGroup()
        names = dict.fromkeys((*self.config.nodes, *self.config.where_present))
        self.wards = [Ward(self, name, self.config, group) for name in names]
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        self.create_service(SetBool, '~/set_active', self._set_active)
        self.create_timer(self.config.period, self._tend)
        self.create_timer(1.0, self._tell_health)

    def _tend(self) -> None:
        for ward in self.wards:
            ward.tend(self.wants_active)

    def _set_active(self, request, response):
        self.wants_active = request.data
        for ward in self.wards:
            ward.is_rested = False
        response.success = True
        names = ', '.join(ward.name for ward in self._list_watched())
        response.message = f'{names}: {"waking" if request.data else "resting"}'
        return response

    def _list_watched(self) -> list[Ward]:
        return [ward for ward in self.wards if ward.was_seen or ward.name in self.config.nodes]

    def _tell_health(self) -> None:
        array = DiagnosticArray()
        array.header.stamp = self.get_clock().now().to_msg()
        me, wanted = lifespan.tell_name(self), 'active' if self.wants_active else 'inactive'
        for ward in self._list_watched():
            level = DiagnosticStatus.OK if ward.state == wanted or ward.is_rested else DiagnosticStatus.WARN
            level = DiagnosticStatus.ERROR if ward.failures or ward.state == 'absent' else level
            values = [KeyValue(key='failed transitions', value=str(ward.failures)),
                      KeyValue(key='came back', value=str(ward.returns)),
                      KeyValue(key='put to rest by others', value=str(int(ward.is_rested)))]  # fmt: skip
            array.status.append(
                DiagnosticStatus(
                    level=level,
                    name=f'{me}: {ward.name}',
                    message=ward.state,
                    hardware_id=ward.name,
                    values=values,
                )
            )
        self._diagnostics.publish(array)


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(SupervisorNode, threads=2))


if __name__ == '__main__':
    main()
