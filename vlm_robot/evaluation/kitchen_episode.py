"""
One kitchen instruction carried out: the closed loop drives, takes and puts down in the simulated kitchen.

What the robot believes is read from the simulator (tier T2: true poses); what it does is physics. After every
step the loop looks again, so a dropped can is seen on the floor. The end is graded on where things lie, by the
same goal as the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import math
import time
from typing import Any

import pybullet as p

from vlm_robot.datatypes import Relation, Scene, SceneObject, SkillResult, Step, StepRecord, TaskResult
from vlm_robot.evaluation.kitchen_goals import explain_state, KitchenState, state_of
from vlm_robot.evaluation.kitchen_instructions import Instruction, list_goals
from vlm_robot.evaluation.kitchen_planners import ExpertPlanner
from vlm_robot.evaluation.kitchen_results import KitchenResult
from vlm_robot.kitchen_vocabulary import DOCKS, DRAWER, SHAPES_OF_THINGS, thing_of
from vlm_robot.planning.closed_loop import ClosedLoopConfig, run_task
from vlm_robot.planning.kitchen import is_open, place_of, ROBOT
from vlm_robot.planning.kitchen_listening import KitchenListener
from vlm_robot.planning.kitchen_words import format_step
from vlm_robot.planning.saycan import SayCanPlanner
from vlm_robot.sim.bullet_base import load_mobile_arm
from vlm_robot.sim.kitchen_world import KitchenWorld
from vlm_robot.skills.kitchen_skills import execute_kitchen, hold_height, KitchenRobot
from vlm_robot.skills.motions import SkillConfig

AWAY = 0.3  # metres from a dock beyond which the robot is not at that place


class KitchenAgent:
    """A robot in a kitchen of its own, as the closed loop wants it: ``look`` and ``act``."""

    def __init__(self, scene: Scene, is_visible: bool = False, skills: SkillConfig | None = None):
        """Build the kitchen of a symbolic scene; ``is_visible`` draws the arm for pictures."""
        places = {item.name: place_of(item.name, scene) for item in scene.objects if item.name != scene.held}
        self.world = KitchenWorld(places, is_open(scene))
        arm, base = load_mobile_arm(self.world, DOCKS[place_of(ROBOT, scene)], is_visible)
        self.robot = KitchenRobot(arm, base)
        self.skills = skills
        self.near = ''
        self.is_cancelled: Callable[[], bool] | None = None
        self.world.settle(0.3)
        if scene.held:
            self._hand_over(scene.held)

    def look(self) -> Scene:
        """Return the kitchen as it is, from the simulator's truth."""
        world = self.world
        held = world.held()
        objects = tuple(
            SceneObject(name, thing_of(name), world.position(name), world.size(name), world.yaw(name), 1.0, world.time)
            for name in sorted(world.bodies)
        )
        facts = [Relation(name, 'at', world.place_of(name)) for name in world.bodies if name != held]
        facts += [Relation(ROBOT, 'at', self._find_dock())]
        facts += [Relation(ROBOT, 'near', self.near)] if self.near and self.near != held else []
        facts += [Relation(DRAWER, 'is', 'open' if world.is_drawer_open() else 'closed')]
        facts.sort(key=lambda r: (r.subject, r.predicate, r.object))
        return Scene(objects, tuple(facts), held, world.time)

    def act(self, step: Step) -> SkillResult:
        """Carry out one step."""
        options = {'config': self.skills} if self.skills else {}
        result = execute_kitchen(step, self.look(), self.robot, is_cancelled=self.is_cancelled, **options)
        if step.skill == 'find':
            self.near = step.target if result.success else ''
        elif step.skill in ('go_to', 'bring', 'put_down'):
            self.near = ''
        return result

    def state(self) -> KitchenState:
        """Return the truth that goals are checked against."""
        world = self.world
        places = {name: world.place_of(name) for name in world.bodies}
        return KitchenState(places, self._find_dock(), world.held(), world.is_drawer_open())

    def close(self) -> None:
        """Disconnect the simulator."""
        self.world.close()

    def _find_dock(self) -> str:
        x, y, _ = self.robot.base.pose()
        distance, place = min((math.dist((x, y), dock[:2]), place) for place, dock in DOCKS.items())
        return place if distance < AWAY else ''

    def _hand_over(self, name: str) -> None:
        """Put a thing between the fingers before the task begins, without gravity, and close them."""
        client = self.world.client
        size = SHAPES_OF_THINGS[thing_of(name)][1]
        T = self.robot.arm.tcp_pose()
        x, y, yaw = self.robot.base.pose()
        ahead = float(T[0, 3])
        item = SceneObject(name, name, (0.0, 0.0, 0.0), size)
        z = float(T[2, 3]) - hold_height(item)
        p.setGravity(0, 0, 0, physicsClientId=client)
        self.world.add(name, (x + ahead * math.cos(yaw), y + ahead * math.sin(yaw), z), yaw)
        self.robot.arm.set_gripper(0.0, 20.0)
        p.setGravity(0, 0, -9.81, physicsClientId=client)
        self.world.settle(0.2)


def carry_out(
    instruction: Instruction,
    planner: KitchenListener | SayCanPlanner | None,
    planned: KitchenResult,
    loop: ClosedLoopConfig = ClosedLoopConfig(),
    on_record: Callable[[StepRecord], None] = lambda record: None,
) -> KitchenResult:
    """
    Return the result of one instruction at T2.

    :param planner: None means the expert.
    :param planned: the result of the same instruction at T0, whose plan and grade are kept.
    """
    begun = time.perf_counter()
    agent = KitchenAgent(instruction.scene)
    try:
        chosen: Any = planner or ExpertPlanner(list_goals(instruction))
        result = run_task(instruction.sentence, chosen, agent.look, agent.act, config=loop, on_record=on_record)
        agent.world.settle(0.5)
        end = agent.state()
    finally:
        agent.close()
    return _judge(instruction, planned, result, end, time.perf_counter() - begun)


def _judge(
    instruction: Instruction, planned: KitchenResult, result: TaskResult, end: KitchenState, seconds: float
) -> KitchenResult:
    start = state_of(instruction.scene)
    reason = '' if result.status == 'done' else f'{result.status}: {result.reason}'
    reason = reason or explain_state(instruction.goal, start, end)
    return replace(
        planned,
        status=result.status,
        reason=reason,
        execution_success=not reason,
        goal_condition_recall=instruction.goal.recall(start, end),
        steps=tuple(_tell(record) for record in result.records),
        seconds=round(seconds, 3),
        failed_room='' if not reason else 'motion' if planned.plan_success else 'language',
    )


def _tell(record: StepRecord) -> str:
    words = format_step(record.decision.chosen.step)
    return words if record.result.success else f'{words}: failed: {record.result.reason}'
