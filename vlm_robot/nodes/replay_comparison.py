"""What a replay finds: which looks, scenes and plans are those of the recording, and in words which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vlm_robot.datatypes import TaskResult
from vlm_robot.nodes import conversions, plan_conversions
from vlm_robot.nodes.intake import key_of
from vlm_robot_interfaces.msg import DetectionArray
from vlm_robot_interfaces.msg import Scene as SceneMessage

BOX_TOLERANCE_PX, SCORE_TOLERANCE = 0.01, 1e-4


@dataclass
class Comparison:
    """What was the same and what was not; ``differences`` says the latter in words."""

    detections: int = 0
    same_detections: int = 0
    scenes: int = 0
    same_scenes: int = 0
    tasks: list[dict[str, Any]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """Return whether nothing differed and something was compared."""
        return self.detections > 0 and not self.differences

    def add_detections(self, recorded: DetectionArray, live: DetectionArray) -> None:
        """Compare two looks at one frame."""
        self.detections += 1
        difference = compare_detections(recorded, live)
        self.same_detections += not difference
        if difference:
            stamp = conversions.to_seconds(recorded.header.stamp)
            self.differences.append(f'{recorded.camera} at {stamp:.2f} s: {difference}')

    def add_scenes(
        self, recorded: Sequence[SceneMessage], live: Sequence[SceneMessage], begin: float, end: float
    ) -> None:
        """
        Compare all scenes with objects in them; of one stamp there may be several, because the hand changes them too.

        :param begin: seconds, the first look that was shown; what the robot saw before was not recorded.
        :param end: seconds, the last one; a recording may stop between a scene and the journal's word on its look.
        """
        told, heard = _group(recorded, begin, end), _group(live, begin, end)
        for stamp, texts in told.items():
            self.scenes += len(texts)
            same = sum(a == b for a, b in zip(texts, heard.get(stamp, ()), strict=False))
            self.same_scenes += same
            if same < len(texts) or len(texts) != len(heard[stamp]):
                when = f'scene at {stamp[0] + stamp[1] * 1e-9:.2f} s'
                self.differences.append(f'{when}: {heard.get(stamp, [])}, in the recording {texts}')

    def add_task(self, recorded, end: TaskResult) -> None:
        """Compare how a task ended and what was done for it with its last plan in the recording."""
        steps = [record.decision.chosen.step for record in end.records]
        plan = plan_conversions.from_plan(recorded)
        same = {
            'status': end.status == recorded.status,
            'program': end.plan.program == plan.program,
            'steps': steps == list(plan.steps),
        }
        self.tasks.append({'sentence': recorded.sentence, 'status': end.status, 'same': same})
        for name in (name for name, is_same in same.items() if not is_same):
            self.differences.append(f"'{recorded.sentence}': another {name}; {end.status}: {end.reason}")

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            'same': self.is_same,
            'detections': self.detections,
            'same_detections': self.same_detections,
            'scenes': self.scenes,
            'same_scenes': self.same_scenes,
            'tasks': self.tasks,
            'differences': self.differences,
        }


def _group(scenes: Sequence[SceneMessage], begin: float, end: float) -> dict[tuple[int, int], list[str]]:
    groups: dict[tuple[int, int], list[str]] = {}
    for scene in scenes:
        if scene.objects and begin <= conversions.to_seconds(scene.header.stamp) <= end:
            groups.setdefault(key_of(scene.header.stamp), []).append(scene.text)
    return groups


def compare_detections(recorded: DetectionArray, live: DetectionArray) -> str:
    """Return how two looks at one frame differ, in words; empty where they agree."""
    old, new = ([conversions.from_detection(item) for item in m.detections] for m in (recorded, live))
    if sorted(d.label for d in old) != sorted(d.label for d in new):
        return f'saw {[d.label for d in new]}, in the recording {[d.label for d in old]}'
    for before in old:
        near = min((d for d in new if d.label == before.label), key=lambda d: _distance(d, before))
        if _distance(near, before) > BOX_TOLERANCE_PX or abs(near.score - before.score) > SCORE_TOLERANCE:
            return (
                f'{before.label}: box off by {_distance(near, before):.2f} px, score {near.score - before.score:+.5f}'
            )
    return ''


def _distance(a, b) -> float:
    return max(abs(x - y) for x, y in zip(a.box_xyxy_px, b.box_xyxy_px))
