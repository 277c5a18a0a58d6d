"""
Services that steer the simulation: pause, step, reset, and where its objects are.

Where the package simulation_interfaces is installed (github.com/ros-simulation/simulation_interfaces, 2.x), its
services are offered under their own names; ``~/set_paused``, ``~/step`` and ``~/reset`` mean the same with types that
every ROS has, and ``get_world_state`` tells all states at once. Not offered: spawning and deleting, worlds
(``load_scenario`` loads ours), twists, bounds, categories, tags, and turning the clock back: it never runs backwards.
"""

from __future__ import annotations

from collections.abc import Callable
import importlib
import re
from typing import Any

import numpy as np
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from vlm_robot.errors import MotionError, ScenarioError, VlmRobotError
from vlm_robot.geometry import to_quaternion
from vlm_robot.nodes import conversions
from vlm_robot.nodes.sim_thread import SimThread, Table

UNSUPPORTED, OK, NOT_FOUND, INCORRECT_STATE, FAILED = range(5)  # Result.RESULT_*
ALREADY, NO_SUCH_CHANGE, INVALID_POSE = 101, 103, 101  # of SetSimulationState and SetEntityState
PLAYING, PAUSED = 1, 2  # SimulationState.STATE_*
STATE_GETTING, STATE_SETTING, ENTITY_GETTING, ENTITY_SETTING = 24, 25, 10, 11  # SimulatorFeatures.*
FEATURES = (ENTITY_GETTING, ENTITY_SETTING, 20, 22, STATE_GETTING, STATE_SETTING, 26, 31, 32)
SCOPE_TIME, SCOPE_STATE, SCOPE_ALL = 1, 2, 255  # ResetSimulation.SCOPE_*
MOST_STEPS = 24_000  # of one call: 100 simulated seconds
REACH = 2.0  # metres from the base within which an object may be put
PATTERN_CHARS, QUANTIFIERS = 100, 3  # more could keep a regular expression busy for hours
SERVICES = {
    'GetSimulatorFeatures': 'get_features',
    'ResetSimulation': 'reset_scope',
    'StepSimulation': 'step_many',
    'GetSimulationState': 'get_state',
    'SetSimulationState': 'set_state',
    'GetEntities': 'get_entities',
    'GetEntitiesStates': 'get_entities_states',
    'GetEntityState': 'get_entity_state',
    'SetEntityState': 'set_entity_state',
}  # their name -> method


class Refusal(VlmRobotError):
    """A call that cannot be carried out, with the code of simulation_interfaces that says why."""

    def __init__(self, code: int, words: str):
        """Keep the code."""
        super().__init__(words)
        self.code = code


class SimServices:
    """Steers one simulation on behalf of whoever calls."""

    def __init__(self, sim: SimThread, reset: Callable[[], None], steps: Callable[[], int] = lambda: 12):
        """
        Keep what is steered.

        :param reset: puts the present scenario back to its first instant; raises VlmRobotError.
        :param steps: how many steps ``~/step`` makes.
        """
        self.sim, self._reset, self._steps = sim, reset, steps
        self._types: Any = None  # the module simulation_interfaces.msg

    def offer(self, node: Node, group) -> list[Any]:
        """Create the services, those of simulation_interfaces only where it is installed."""
        own = {
            '~/set_paused': (SetBool, self.set_paused),
            '~/step': (Trigger, self.step),
            '~/reset': (Trigger, self.reset),
        }
        made = [node.create_service(kind, name, act, callback_group=group) for name, (kind, act) in own.items()]
        try:
            kinds = importlib.import_module('simulation_interfaces.srv')
            self._types = importlib.import_module('simulation_interfaces.msg')
        except ImportError:
            node.get_logger().info('simulation_interfaces is not installed: its services are not offered, our own are')
            return made
        for kind, method in SERVICES.items():
            name = re.sub(r'(?<!^)(?=[A-Z])', '_', kind).lower()
            made.append(node.create_service(getattr(kinds, kind), name, getattr(self, method), callback_group=group))
        return made

    # ---- our own types

    def set_paused(self, request, response):
        """Pause or go on."""
        self.sim.is_paused = request.data
        response.success, response.message = True, 'paused' if request.data else 'playing'
        return response

    def step(self, request, response):
        """Make some steps of a paused simulation."""
        return self._tell(response, lambda: self._advance(self._steps()))

    def reset(self, request, response):
        """Put the present scenario back to its first instant."""
        return self._tell(response, self._reset)

    def _tell(self, response, act: Callable[[], None]):
        try:
            act()
            response.success = True
        except VlmRobotError as error:
            response.message = str(error)
        return response

    # ---- those of simulation_interfaces

    def get_features(self, request, response):
        """Tell what is supported."""
        response.features.features = list(FEATURES)
        response.features.custom_info = 'PyBullet; worlds are loaded by the service load_scenario of vlm_robot'
        return response

    def get_state(self, request, response):
        """Tell whether it plays."""
        response.state.state = PAUSED if self.sim.is_paused else PLAYING
        return self._answer(response, lambda: None)

    def set_state(self, request, response):
        """Play or pause."""

        def act() -> None:
            wanted = request.state.state
            if wanted not in (PLAYING, PAUSED):
                raise Refusal(
                    UNSUPPORTED, f'state {wanted} is not supported; allowed: {PLAYING} plays, {PAUSED} pauses'
                )
            if self.sim.is_paused == (wanted == PAUSED):
                raise Refusal(ALREADY, 'it is in that state already')
            self.sim.is_paused = wanted == PAUSED

        return self._answer(response, act)

    def step_many(self, request, response):
        """Make that many steps of a paused simulation."""
        return self._answer(response, lambda: self._advance(request.steps))

    def reset_scope(self, request, response):
        """Put the present scenario back to its first instant; the clock goes on."""

        def act() -> None:
            if not request.scope & SCOPE_STATE and request.scope != 0:
                raise Refusal(UNSUPPORTED, 'only the state of the world can be reset; the clock never runs backwards')
            self._reset()

        return self._answer(response, act)

    def get_entities(self, request, response):
        """Name the objects."""

        def act() -> None:
            response.entities = self._select(request.filters)

        return self._answer(response, act)

    def get_entities_states(self, request, response):
        """Name the objects and tell where they are."""

        def act() -> None:
            response.entities = self._select(request.filters)
            response.states = [self._fill(self._types.EntityState(), name) for name in response.entities]

        return self._answer(response, act)

    def get_entity_state(self, request, response):
        """Tell where an object is."""
        return self._answer(response, lambda: self._fill(response.state, request.entity) and None)

    def set_entity_state(self, request, response):
        """Put an object somewhere else, at rest."""

        def act() -> None:
            if request.set_twist or request.set_acceleration or not request.set_pose:
                raise Refusal(UNSUPPORTED, 'only the pose of an object can be set')
            try:
                T = conversions.from_pose(request.state.pose)
            except MotionError as error:
                raise Refusal(INVALID_POSE, str(error)) from error
            if np.linalg.norm(T[:3, 3]) > REACH:
                raise Refusal(
                    INVALID_POSE, f'{T[:3, 3].round(3).tolist()} is out of the world: {REACH} m round the base'
                )
            self.sim.call(lambda table: put_body(table, request.entity, T))

        return self._answer(response, act)

    def _advance(self, steps: int) -> None:
        if not self.sim.is_paused:
            raise Refusal(FAILED, 'the simulation is not paused; pause it first')
        if not 0 < steps <= MOST_STEPS:
            raise Refusal(FAILED, f'{steps} steps; allowed: 1 to {MOST_STEPS}')
        self.sim.step(steps)

    def _select(self, filters) -> list[str]:
        """Return the names of the objects that a filter lets through."""
        if filters.categories or filters.tags.tags or filters.bounds.points:
            raise Refusal(UNSUPPORTED, 'objects can be filtered by name only')
        pattern = filters.filter
        simple = len(pattern) <= PATTERN_CHARS and len(re.findall(r'[*+?{]', pattern)) <= QUANTIFIERS
        if not simple or re.search(r'\)[*+?{]|\\\d', pattern):
            raise Refusal(
                UNSUPPORTED, f'the filter is too elaborate; allowed: {QUANTIFIERS} repetitions, none of a group'
            )
        try:
            matches = re.compile(pattern).search
        except (re.error, RecursionError) as error:
            raise Refusal(FAILED, f'the filter is no regular expression: {error}') from error
        return [name for name in self.sim.call(lambda table: list(table.world.labels)) if matches(name)]

    def _fill(self, state, name: str):
        def read(table: Table) -> tuple[np.ndarray, float]:
            poses = table.poses()
            if name not in poses:
                raise Refusal(NOT_FOUND, f"no object '{name}'; there are {list(poses)}")
            return poses[name], table.world.time

        T, now = self.sim.call(read)
        state.header, state.pose = conversions.to_header(now, conversions.BASE_FRAME), conversions.to_pose(T)
        return state

    def _answer(self, response, act: Callable[[], None]):
        try:
            act()
            response.result.result = OK
        except Refusal as refusal:
            response.result.result, response.result.error_message = refusal.code, str(refusal)
        except VlmRobotError as error:
            response.result.result, response.result.error_message = FAILED, str(error)
        return response


def put_body(table: Table, name: str, T: np.ndarray) -> None:
    """
    Put an object at a pose, at rest; to be called in the thread of the simulation.

    :param T: T_base_object, (4, 4).
    :raises ScenarioError: there is no such object, or it is made of several bodies.
    """
    world = table.world
    if name not in world.labels:
        raise Refusal(NOT_FOUND, f"no object '{name}'; there are {list(world.labels)}")
    if name not in world.bodies:
        raise ScenarioError(f"'{name}' is made of several bodies and cannot be put elsewhere")
    world.put(name, T[:3, 3].tolist(), to_quaternion(T).tolist())
