"""
The frozen values that cross from one room to the next; values cross borders, objects do not.

Frames: ``base`` is the robot's base link (x forward, y left, z up, REP 103); a camera's frame is its
optical frame (x right, y down, z forward). Units are SI and radians unless a suffix says otherwise.
This module knows numpy and the errors: no model, no simulator, no ROS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vlm_robot.errors import name_nearest, PlanError

Box = tuple[float, float, float, float]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion; pixel (0, 0) is the centre of the upper-left pixel."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float


@dataclass(frozen=True, eq=False)
class RgbdImage:
    """
    One colour and depth frame of one camera, taken at one instant.

    :param rgb: (H, W, 3) uint8, red green blue.
    :param depth: (H, W) float32, metres along the optical axis; 0 or NaN means no return.
    :param T_base_camera: (4, 4) float64, maps points of the optical frame to the base frame.
    :param stamp: seconds on the clock of the robot (simulated time in simulation).
    """

    rgb: np.ndarray
    depth: np.ndarray
    intrinsics: Intrinsics
    T_base_camera: np.ndarray
    stamp: float
    camera: str = 'camera'


@dataclass(frozen=True)
class Detection:
    """
    One thing seen in one image.

    :param label: the query it answers, for example ``red block``.
    :param score: 0..1, the model's own confidence.
    :param box_xyxy_px: left, top, right, bottom in pixels of the original image, inside the image.
    """

    label: str
    score: float
    box_xyxy_px: Box


@dataclass(frozen=True, eq=False)
class Mask:
    """
    The pixels of one image that a phrase names.

    :param label: the phrase, or ``''`` for a mask asked for by a picture.
    :param score: 0..1, how sure the model is that the phrase is in the picture at all.
    :param probability: (H, W) float32, 0..1, at the image's own size.
    :param mask: (H, W) bool, ``probability`` over the model's threshold; all False says "not there".
    """

    label: str
    score: float
    probability: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class GroundedWord:
    """
    One word of a caption and the place in the image that it speaks of.

    :param point_px: column and row in pixels of the original image; None where the word names no place.
    :param box_xyxy_px: the box of the thing that the word names, if it names one.
    :param confidence: 0..1.
    """

    word: str
    point_px: tuple[float, float] | None
    box_xyxy_px: Box | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class GroundedCaption:
    """
    A sentence about an image or a region of it, each word with its place.

    :param box_xyxy_px: the region in pixels of the original image; None is the whole image.
    :param confidence: 0..1.
    """

    text: str
    words: tuple[GroundedWord, ...] = ()
    confidence: float = 1.0
    box_xyxy_px: Box | None = None


@dataclass(frozen=True)
class DescriptionLine:
    """
    One thing that is said about an image.

    :param kind: ``tag``, ``attribute``, ``caption``, ``text`` (read by OCR), ``object``, ``count`` or ``relation``.
    :param confidence: 0..1.
    :param box_xyxy_px: the region it is about in pixels of the original image; None is the whole image.
    """

    kind: str
    text: str
    confidence: float
    box_xyxy_px: Box | None = None


@dataclass(frozen=True)
class Description:
    """What is said about one image, in the order in which a reader wants it; ``text`` is what a planner reads."""

    lines: tuple[DescriptionLine, ...]

    @property
    def text(self) -> str:
        """Return the lines as text, one a line, headed by their kind."""
        return '\n'.join(f'{line.kind}: {line.text} ({line.confidence:.2f})' for line in self.lines)


@dataclass(frozen=True)
class Answer:
    """
    The answer to a question about an image.

    :param confidence: 0..1.
    :param evidence: the text or the other answers from which it was made.
    """

    text: str
    confidence: float
    evidence: str = ''


@dataclass(frozen=True)
class LiftedDetection:
    """
    A detection with a place in the world.

    :param p_base: metres in the base frame, the centre of the object.
    :param size: metres, extent along base x, y, z as far as it was visible.
    :param yaw: radians about base z in [-pi/4, pi/4), the turn of a square footprint.
    """

    detection: Detection
    p_base: Point
    size: Point
    yaw: float
    camera: str = 'camera'


@dataclass(frozen=True)
class SceneObject:
    """
    A thing the robot believes in.

    :param name: unique in its scene: the label, or label and number where the label repeats.
    :param p_base: metres in the base frame, the centre of the object.
    :param score: 0..1, the best recent detection score.
    :param stamp: seconds, when it was last seen.
    """

    name: str
    label: str
    p_base: Point
    size: Point = (0.04, 0.04, 0.04)
    yaw: float = 0.0
    score: float = 1.0
    stamp: float = 0.0


@dataclass(frozen=True)
class Relation:
    """``subject predicate object``, for example ``red block in green bowl``."""

    subject: str
    predicate: str
    object: str


@dataclass(frozen=True)
class Scene:
    """
    Everything the robot believes at one instant.

    :param objects: unique by name.
    :param held: name of the object in the gripper; empty string when the hand is empty.
    :param stamp: seconds, the newest frame that went into it.
    :param described: what a describer says of the newest pictures; empty where nobody asked one.
    """

    objects: tuple[SceneObject, ...] = ()
    relations: tuple[Relation, ...] = ()
    held: str = ''
    stamp: float = 0.0
    described: tuple[DescriptionLine, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all objects, in order."""
        return tuple(item.name for item in self.objects)

    def find(self, name: str) -> SceneObject | None:
        """Return the object of that name; None says that the scene does not hold it."""
        return next((item for item in self.objects if item.name == name), None)

    def get(self, name: str) -> SceneObject:
        """Return the object of that name; raise PlanError listing what the scene holds."""
        item = self.find(name)
        if item is None:
            raise PlanError(f"no '{name}' in the scene{name_nearest(name, self.names)}")
        return item


@dataclass(frozen=True)
class Step:
    """
    One skill with its arguments, as data; what ``ExecuteSkill`` carries.

    :param skill: a key of ``skills.SKILLS``, or ``done`` or ``refuse``, which move nothing.
    :param target: name of the object that is acted on; empty where the skill needs none.
    :param destination: name of an object or of a table location; empty where the skill needs none.
    """

    skill: str
    target: str = ''
    destination: str = ''


@dataclass(frozen=True)
class OptionScore:
    """
    One option of one decision: "say" times "can".

    :param text: the words whose likelihood was measured.
    :param language_logprob: natural log of the probability of those words after the prompt.
    :param language: 0..1, that probability normalised over all options of this decision.
    :param affordance: 0..1, how likely the skill would succeed here and now.
    :param product: 0..1, language * affordance.
    :param reason: why the affordance is low; empty otherwise.
    """

    step: Step
    text: str
    language_logprob: float
    language: float
    affordance: float
    product: float
    reason: str = ''


@dataclass(frozen=True)
class Question:
    """
    What the robot must know from a person before it goes on.

    :param text: one sentence, for example ``Which block: the red block or the blue block?``
    :param choices: answers that it can use; empty where any words will do.
    """

    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """
    What the planner chose and weighed, best first; ``reason`` or ``question`` is set when it refuses or asks.

    :param line: of the program of the plan that the step comes from, counted from 1; 0 where there is none.
    """

    chosen: OptionScore
    options: tuple[OptionScore, ...]
    reason: str = ''
    seconds: float = 0.0
    question: Question | None = None
    line: int = 0


@dataclass(frozen=True)
class Plan:
    """Steps in order; ``reason`` says why a plan ends in a refusal, ``program`` is the text it was run from, if any."""

    steps: tuple[Step, ...] = ()
    reason: str = ''
    program: str = ''
    question: Question | None = None


@dataclass(frozen=True)
class SkillResult:
    """The outcome of a skill: an expected failure carries a reason that the planner can read."""

    success: bool
    reason: str = ''
    cancelled: bool = False


@dataclass(frozen=True)
class StepRecord:
    """One turn of the closed loop: what was decided, what came of it, how the scene read."""

    decision: Decision
    result: SkillResult
    scene_text: str = ''
    seconds: float = 0.0


@dataclass(frozen=True)
class TaskResult:
    """
    The end of a task.

    :param status: ``done``, ``refused``, ``failed`` or ``cancelled``.
    :param reason: one sentence for a person.
    :param plan: what was projected before anything moved.
    :param notes: what was read otherwise than it was written, for example ``read 'bluw' as 'blue'``.
    :param questions: (asked, answered) in order; an empty question is what a person said unasked.
    """

    sentence: str
    status: str
    reason: str
    records: tuple[StepRecord, ...] = ()
    seconds: float = 0.0
    plan: Plan = Plan()
    notes: tuple[str, ...] = ()
    questions: tuple[tuple[str, str], ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps that were carried out with success, in order."""
        return tuple(r.decision.chosen.step for r in self.records if r.result.success)


@dataclass(frozen=True, eq=False)
class WorldState:
    """
    The simulator's truth, or a symbolic stand-in for it.

    :param positions: name -> metres in the base frame, the centre of each object.
    :param held: name of the object in the gripper, or empty.
    """

    positions: Mapping[str, Point] = field(default_factory=dict)
    held: str = ''
