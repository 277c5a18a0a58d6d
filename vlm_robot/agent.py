"""
The plain-Python wiring of the rooms: cameras -> detector -> scene -> planner -> skills -> arm, without ROS.

The ROS nodes wire the same rooms; what passes here is what runs there. An ``Agent`` looks and acts, ``run``
hands both to the closed loop. Perception can be swapped for the simulator's truth (``OracleEyes``), which is
how tiers are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
import time
from typing import Protocol

from vlm_robot.camera.camera import Camera
from vlm_robot.datatypes import (
    DescriptionLine,
    Detection,
    LiftedDetection,
    Point,
    Question,
    RgbdImage,
    Scene,
    SceneObject,
    SkillResult,
    Step,
    StepRecord,
    TaskResult,
)
from vlm_robot.perception.crops import cut_around
from vlm_robot.perception.describer import LensDescriber
from vlm_robot.perception.detector import Detector
from vlm_robot.perception.lifting import lift_all, LiftingConfig
from vlm_robot.perception.regions import mask_found
from vlm_robot.perception.sight import Segmenter
from vlm_robot.planning.closed_loop import ClosedLoopConfig, run_task
from vlm_robot.planning.dialogue import Dialogue, Listener
from vlm_robot.planning.planners import Planner
from vlm_robot.robot.arm import Arm
from vlm_robot.scene.association import SceneTracker
from vlm_robot.scene.memory import Look, SceneMemory
from vlm_robot.scene.relations import relations_of
from vlm_robot.sim.world import World
from vlm_robot.skills.execution import execute, held_after
from vlm_robot.skills.motions import SkillConfig
from vlm_robot.vocabulary import list_labels


class Eyes(Protocol):
    """Where scenes come from."""

    def look(self) -> Scene:
        """Return the scene as it is now."""
        ...

    def set_held(self, name: str, p_base: Point) -> None:
        """Tell what the hand holds; empty when it let go."""
        ...


@dataclass
class CameraEyes:
    """
    Eyes that see: every camera's frame is searched for every query, lifted and taken into the tracker.

    ``frames`` keeps the last look (image and detections by camera) for pictures; ``memory``, where there is one, keeps
    what was seen for questions about it; ``segmenter``, where there is one, says which pixels of a box to lift;
    ``describer``, where there is one, says what else there is for a planner to read.
    """

    cameras: Mapping[str, Camera]
    detector: Detector
    tracker: SceneTracker = field(default_factory=SceneTracker)
    queries: Sequence[str] = field(default_factory=list_labels)
    lifting: LiftingConfig = field(default_factory=LiftingConfig)
    frames: dict[str, tuple[RgbdImage, list[Detection]]] = field(default_factory=dict)
    memory: SceneMemory | None = None
    segmenter: Segmenter | None = None
    describer: LensDescriber | None = None

    def look(self) -> Scene:
        """Read every camera once and return the scene."""
        scene = self.tracker.scene
        described: tuple[DescriptionLine, ...] = ()
        for name, camera in self.cameras.items():
            image = camera.read()
            found = self.detector.detect(image.rgb, self.queries)
            masks = mask_found(self.segmenter, image.rgb, found) if self.segmenter else None
            lifted: list[LiftedDetection] = lift_all(found, image, self.lifting, masks)
            scene = self.tracker.update(lifted, image.stamp, name, self.queries)
            self.frames[name] = (image, found)
            if self.memory is not None:
                remember(self.memory, image, found, lifted)
            if self.describer is not None:
                described += self.describer.describe_found(image.rgb, found).lines
        return replace(scene, described=described)

    def set_held(self, name: str, p_base: Point) -> None:
        """Pass the hand's state on to the tracker."""
        self.tracker.set_held(name, p_base, self._newest_stamp())

    def _newest_stamp(self) -> float:
        return max((image.stamp for image, _ in self.frames.values()), default=0.0)


def remember(
    memory: SceneMemory, image: RgbdImage, found: Sequence[Detection], lifted: Sequence[LiftedDetection] = ()
) -> bool:
    """Take a frame and the things found in it into a memory, with their places as far as they were lifted."""
    places = {id(item.detection): item.p_base for item in lifted}
    looks = [
        Look(cut_around(image.rgb, item.box_xyxy_px), item.label, item.box_xyxy_px, places.get(id(item)))
        for item in found
    ]
    return memory.remember(image.rgb, looks, image.stamp, image.camera)


@dataclass
class OracleEyes:
    """Eyes that read the simulator's truth: tiers T0 and T2."""

    world: World
    held: str = ''

    def look(self) -> Scene:
        """Return the true scene."""
        return scene_of(self.world, self.held)

    def set_held(self, name: str, p_base: Point) -> None:
        """Remember what the hand holds."""
        self.held = name


def scene_of(world: World, held: str = '') -> Scene:
    """Return the simulator's truth as a scene."""
    objects = tuple(
        SceneObject(name, world.labels[name], world.position(name), world.size(name), world.yaw(name), 1.0, world.time)
        for name in sorted(world.labels)
    )
    return Scene(objects, relations_of(objects), held, world.time)


@dataclass
class Agent:
    """Eyes, a planner and an arm that together carry out sentences."""

    eyes: Eyes
    planner: Planner
    arm: Arm
    skills: SkillConfig = field(default_factory=SkillConfig)
    loop: ClosedLoopConfig = field(default_factory=ClosedLoopConfig)
    dialogue: Dialogue = field(default_factory=Dialogue)
    on_step_start: Callable[[Step], None] = lambda step: None
    _scene: Scene = field(default_factory=Scene)
    _is_cancelled: Callable[[], bool] | None = None

    def look(self) -> Scene:
        """Return the scene as it is now and remember it for the next skill."""
        self._scene = self.eyes.look()
        return self._scene

    def act(self, step: Step) -> SkillResult:
        """Carry out one step on the scene of the last look."""
        self.on_step_start(step)
        result = execute(step, self._scene, self.arm, self.skills, self._is_cancelled, self.look)
        held = held_after(step, self._scene.held, self.arm.gripper_width(), self.skills)
        if held != self._scene.held:
            self.eyes.set_held(held, tuple(self.arm.tcp_pose()[:3, 3].tolist()))
        return result

    def run(
        self,
        sentence: str,
        on_record: Callable[[StepRecord], None] = lambda record: None,
        is_cancelled: Callable[[], bool] | None = None,
        ask: Callable[[Question], str] | None = None,
        feedback: Callable[[], str] = lambda: '',
    ) -> TaskResult:
        """
        Carry out a sentence; the dialogue remembers it for the next one.

        :param is_cancelled: asked before every step and during every motion; once true the arm halts.
        :param ask: answers a question; ``feedback`` tells what a person said meanwhile (``closed_loop.run_task``).
        :raises SentenceError: the sentence cannot be a command.
        """
        start = time.monotonic()
        self._is_cancelled = is_cancelled
        listener = Listener(self.planner, self.dialogue)
        result = run_task(
            sentence,
            listener,
            self.look,
            self.act,
            is_cancelled=is_cancelled or (lambda: False),
            on_record=on_record,
            ask=ask,
            feedback=feedback,
            config=self.loop,
        )
        return replace(listener.end(result), seconds=time.monotonic() - start)
