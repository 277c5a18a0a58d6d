"""
Makes sentences true: the action ``execute_task`` around the closed loop of planning, one task at a time.

A lifecycle node: configure loads the language model. Every turn goes out at once on the topics ``plan`` and
``step_records`` (latched) and as feedback, and stands again in the result. Cancelling a task cancels the
running skill. Sentences are understood and remembered (``planning/dialogue.py``) until another table stands
before the robot; questions go out as feedback and are answered at ``answer_question``.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
import threading
import time

from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from std_msgs.msg import Header

from vlm_robot.errors import ConfigError
from vlm_robot.evaluation.kitchen_planners import build_kitchen_planner, choose_language
from vlm_robot.language.language_loading import LanguageConfig, load_language_model
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.nodes import heap, lifespan, parameters, plan_conversions
from vlm_robot.nodes.action_client import MANY
from vlm_robot.nodes.change_rules import ChangeRules, When
from vlm_robot.nodes.description_watch import DescriptionWatch
from vlm_robot.nodes.diagnostics import Health
from vlm_robot.nodes.intake import Kind
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.question_desk import QuestionConfig, QuestionDesk
from vlm_robot.nodes.robot_link import LinkConfig, RobotLink
from vlm_robot.nodes.sentence_task import Task
from vlm_robot.planning.closed_loop import ClosedLoopConfig
from vlm_robot.planning.dialogue import Dialogue
from vlm_robot.planning.planners import build_planner, Planner, PlannerConfig, reads_descriptions
from vlm_robot_interfaces.action import ExecuteTask
from vlm_robot_interfaces.msg import Plan as PlanMessage
from vlm_robot_interfaces.msg import StepRecord as StepRecordMessage

WORLDS = ('table', 'kitchen')
RESULT_TIMEOUT = 60  # wall-clock seconds for which the result of a task that has ended can be asked for
CLOSE_TIMEOUT = 5.0  # wall-clock seconds in which a task that shall end does
BUSY = 'another task is running; cancel it or wait for its end'
NOT_ACTIVE = {
    'unconfigured': 'the planner has no language model loaded: ros2 lifecycle set {node} configure, then activate',
    'configuring': 'the planner is still loading its language model; ask again when it is active',
    'inactive': 'the planner node is not active: ros2 lifecycle set {node} activate',
}
LIVE = ('thinks_ahead', 'planner.', 'loop.', 'link.', 'questions.')
RULES = {'autostart': When.NEVER, **dict.fromkeys(LIVE, When.ALWAYS)}


@dataclass(frozen=True)
class PlannerNodeConfig:
    """Which language model plans, and how."""

    world: str = 'table'  # 'table' with blocks and bowls, or 'kitchen' with a robot on wheels
    autostart: bool = True  # configure and activate without being told; false where a lifecycle manager does it
    thinks_ahead: bool = True  # plans with what was seen last while it waits for the first look of a task
    language: LanguageConfig = field(default_factory=LanguageConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    loop: ClosedLoopConfig = field(default_factory=ClosedLoopConfig)
    link: LinkConfig = field(default_factory=LinkConfig)
    questions: QuestionConfig = field(default_factory=QuestionConfig)

    def __post_init__(self) -> None:
        """Refuse worlds that do not exist."""
        if self.world not in WORLDS:
            raise ConfigError(f"world is '{self.world}'; allowed: {WORLDS}")


class PlannerNode(LifecycleNode):
    """The one who decides."""

    def __init__(self):
        """Declare parameters, connect to the other nodes and offer the action; nothing is loaded yet."""
        super().__init__('planner', **lifespan.NODE_OPTIONS)
        rules = ChangeRules(self.get_fully_qualified_name(), RULES)
        self.config = parameters.declare(self, PlannerNodeConfig(), rules=rules, on_change=self._change)
        self.planner: Planner | None = None
        self.model: LanguageModel | None = None
        self._busy, self.closing = threading.Lock(), threading.Event()
        # torch holds some 13 MB for every living thread that has computed: all tasks are thought about in one.
        self._thinker = ThreadPoolExecutor(1, 'thinker')
        self._ends: Counter[str] = Counter()  # tasks by how they ended
        self._health = Health(self, 'planning', self._list_figures)
        group = ReentrantCallbackGroup()
        self.link = RobotLink(self, group, self.config.link)
        self.descriptions = DescriptionWatch(self, group)
        self.dialogue = Dialogue()
        self.desk = QuestionDesk(self, group, self.config.questions)
        self.create_subscription(
            Header,
            'world_changed',
            self._forget,
            reliable_qos(1, latched=True),
            callback_group=group,
        )
        self.plans = self.create_publisher(PlanMessage, 'plan', reliable_qos(1, latched=True))
        self.records = self.create_publisher(StepRecordMessage, 'step_records', reliable_qos(50, latched=True))
        self._server = ActionServer(
            self,
            ExecuteTask,
            'execute_task',
            self._execute,
            callback_group=group,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            result_timeout=RESULT_TIMEOUT,
            **MANY,
        )

    def on_configure(self, state) -> TransitionCallbackReturn:
        """Load the language model."""
        super().on_configure(state)
        return lifespan.load_models(self, self._load)

    def on_activate(self, state) -> TransitionCallbackReturn:
        """Accept tasks."""
        self.closing.clear()
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        """Refuse new tasks and end the running one."""
        self._end_task()
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        """Forget the language model."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state) -> TransitionCallbackReturn:
        """End the running task and forget the language model."""
        self._end_task()
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state) -> TransitionCallbackReturn:
        """Begin anew: nothing is loaded."""
        self._release()
        return super().on_error(state)

    def close(self) -> None:
        """Cancel the running task, so that its callback returns."""
        self._end_task()

    @property
    def cooks(self) -> bool:
        """Return whether the world is the kitchen."""
        return self.config.world == 'kitchen'

    def _load(self) -> str:
        language = self.config.language
        self.model = load_language_model(choose_language(language) if self.cooks else language)
        warm_up = getattr(self.model, 'warm_up', None)  # a server warms itself up
        if warm_up is not None:
            self._thinker.submit(warm_up).result()
        self.planner = self._build(self.config)
        self._listen(self.config)
        return f"'{self.model.name}'"

    def _listen(self, config: PlannerNodeConfig) -> None:
        self.descriptions.listen(not self.cooks and reads_descriptions(config.planner, config.language))

    def _build(self, config: PlannerNodeConfig) -> Planner:
        if self.cooks:
            return build_kitchen_planner('saycan', self.model, config.planner)
        return build_planner(self.model, config.planner)

    def _change(self, config: PlannerNodeConfig) -> None:
        """Take over parameters; a task that runs keeps the planner that it began with."""
        if config.planner != self.config.planner and self.model is not None:
            self.planner = self._build(config)
            self._listen(config)
        self.config, self.link.config, self.desk.config = config, config.link, config.questions

    def _end_task(self) -> None:
        self.closing.set()
        deadline = time.monotonic() + CLOSE_TIMEOUT
        while self._busy.locked() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _release(self) -> None:
        self.planner = self.model = None
        self.descriptions.listen(False)
        lifespan.free_memory()

    def _list_figures(self) -> dict[str, object]:
        model = self.model
        figures = {'model': model.name if model else 'not loaded', 'device': getattr(model, 'device', '')}
        return {**figures, 'state': parameters.read_state(self), 'busy': self._busy.locked(), **self._ends}

    def _forget(self, message: Header) -> None:
        self.dialogue.forget()  # what was said before concerned another table
        self.descriptions.forget()
        self.link.journal.note(Kind.WORLD, message.stamp)

    def _execute(self, handle) -> ExecuteTask.Result:
        state = parameters.read_state(self)
        complaint = '' if state == 'active' else NOT_ACTIVE.get(state, f'the planner is {state}; ask again later')
        complaint = complaint.format(node=self.get_fully_qualified_name())
        if complaint or not self._busy.acquire(blocking=False):
            handle.abort()
            return ExecuteTask.Result(status='refused', reason=complaint or BUSY)
        try:
            self.desk.begin()
            task = Task(self, handle)
            result = self._thinker.submit(task.plan if handle.request.plan_only else task.run).result()
        finally:
            self.desk.end()
            self._busy.release()
        self.get_logger().info(f"'{result.sentence[:80]}': {result.status}, {result.reason}")
        self._ends[result.status] += 1
        task.tell_end(result)
        heap.give_back()
        {'done': handle.succeed, 'cancelled': handle.canceled}.get(result.status, handle.abort)()
        return plan_conversions.to_task_result(result)


def main() -> None:
    """Run the node until somebody stops it; end the process with its exit code."""
    lifespan.leave(lifespan.run(PlannerNode, threads=6, is_quick=True))


if __name__ == '__main__':
    main()
