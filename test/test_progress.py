from __future__ import annotations

from dataclasses import replace

from vlm_robot.datatypes import SkillResult, Step
from vlm_robot.planning.progress import describe_state, Progress
from vlm_robot.planning.symbolic import apply

STEP, DONE, MISSED = Step('pick', 'red block'), SkillResult(True), SkillResult(False, 'missed')


def test_failures_in_a_row_end_and_a_success_forgives(scene):
    progress = Progress(max_failures=3, max_repeats=2)
    assert [progress.note(STEP, MISSED, scene, 'pick') for _ in range(2)] == ['', '']
    assert progress.note(STEP, DONE, scene, 'pick') == ''
    assert [bool(progress.note(STEP, MISSED, scene, 'pick')) for _ in range(3)] == [False, False, True]
    assert progress.note(STEP, MISSED, scene, 'pick') == "'pick' failed 4 times: missed"


def test_same_step_in_the_same_state_is_a_circle_and_in_another_is_not(scene):
    progress = Progress(max_failures=3, max_repeats=1)
    elsewhere = apply(Step('place_at', 'red block', 'right side'), apply(STEP, scene))
    assert progress.note(STEP, DONE, scene, 'pick') == ''
    assert progress.note(STEP, DONE, elsewhere, 'pick') == ''
    assert 'going in circles' in progress.note(STEP, DONE, scene, 'pick')


def test_jitter_of_eyes_is_no_new_state(scene):
    moved = replace(scene, objects=tuple(replace(o, yaw=0.3, score=0.7, stamp=9.0) for o in scene.objects))
    assert describe_state(scene) == describe_state(moved)
    assert describe_state(scene) != describe_state(apply(STEP, scene))
