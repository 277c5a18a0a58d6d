"""
The next step towards a fact: what is on top goes first, what is in the way goes aside, then pick and place.

It reads one scene and the facts that are still wanted, and keeps nothing: a block that was dropped or moved is
found where it lies. Aside means a free spot that no wanted fact needs; a thing that is in the way of another and
has its own place to go is brought there at once where that is possible.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import math

from vlm_robot.datatypes import Scene, SceneObject, Step
from vlm_robot.furniture import DRAWER
from vlm_robot.planning.arrangement import find_free_spot, is_free, Spot
from vlm_robot.planning.facts import AT_REACH, Fact, is_open
from vlm_robot.planning.symbolic import CLEARANCE, find_covers, find_spot, relate
from vlm_robot.vocabulary import AREAS, find_place, format_spot, LOCATIONS, shape_of, ZONE_X, ZONE_Y

WIDE = 0.4  # metres, all of the table
TIGHT = 0.056  # metres between the centres of blocks that may stay when a spot must be met well
CROWD = 0.084  # metres between centres of blocks of which one can keep the fingers from the other


@dataclass(frozen=True)
class Mover:
    """
    Finds steps in one scene.

    :param wanted: facts of the running statement that do not hold yet, in order.
    :param kept: points that other facts need, kept free.
    :param cramped: how often each step failed for want of room.
    """

    scene: Scene
    wanted: Sequence[Fact]
    kept: Sequence[Spot] = ()
    cramped: Mapping[Step, int] = field(default_factory=Counter)

    def step_towards(self, fact: Fact) -> Step | str:
        """Return the next step, or why there is none."""
        scene = self.scene
        if fact.kind in ('open', 'closed'):
            return self._put_away() or Step('open_drawer' if fact.kind == 'open' else 'close_drawer', fact.name)
        if fact.kind == 'deed':
            return self._do(fact)
        if scene.held and scene.held == fact.name:
            return self._set_down(fact)
        if scene.held:
            return self._put_away() or 'the hand does not come free'
        if fact.kind == 'clear':
            cover = find_covers(scene).get(fact.name)
            return self._clear_away(cover, (fact,)) if cover else f'the {fact.name} is clear'
        return self._fetch(fact, (fact,))

    def _do(self, fact: Fact) -> Step | str:
        step = fact.step
        if step is None or step.skill == 'go_home':
            return step or 'nothing to do'
        if step.skill == 'hand_over':
            if self.scene.held == fact.name:
                return step
            return self._put_away() or self._fetch(fact, (fact,))
        cover = find_covers(self.scene).get(fact.name)
        return self._put_away() or (self._clear_away(cover, (fact,)) if cover else step)

    def _fetch(self, fact: Fact, seen: tuple[Fact, ...]) -> Step | str:
        """Return the step that brings the fact's thing closer to the hand; the hand is empty."""
        if self.scene.find(fact.name) is None:
            return f'there is no {fact.name} in view'
        relation, now_in = relate(self.scene)[fact.name]
        for drawer in (now_in if relation == 'in' else '', fact.what if fact.kind == 'in' else ''):
            if self._is_shut(drawer):
                return Step('open_drawer', drawer)
        blocker = self._find_blocker(fact)
        return self._clear_away(blocker, seen) if blocker else Step('pick', fact.name)

    def _clear_away(self, name: str, seen: tuple[Fact, ...]) -> Step | str:
        """Return the step that moves something out of the way: to its own place if it has one, else aside."""
        top = self._find_top(name)
        own = next((fact for fact in self.wanted if fact.name == top and fact not in seen), None)
        if own and own.says_where() and self._is_ready(own):
            return self._fetch(own, (*seen, own))
        return Step('pick', top)

    def _put_away(self) -> Step | str:
        """Return the step that frees the hand; empty if it is free."""
        held = self.scene.held
        if not held:
            return ''
        own = next((fact for fact in self.wanted if fact.name == held and fact.says_where()), None)
        return self._set_down(own) if own and own.kind != 'held' else self._set_aside()

    def _set_down(self, fact: Fact) -> Step | str:
        """Return the step that puts what is held where the fact wants it, or aside where that must wait."""
        held = self.scene.held
        if not self._is_ready(fact):
            return self._set_aside()
        if fact.kind in ('in', 'on'):
            return Step(f'place_{fact.kind}', held, fact.what)
        if fact.kind == 'at':
            step = Step('place_at', held, fact.what)
            if self.cramped.get(step) and fact.point:
                spot = find_free_spot(fact.point, self.scene, fact.reach, self._avoid())
                return Step('place_at', held, format_spot(*spot)) if spot else step
            return step
        if fact.kind == 'near' and fact.point:
            return self._share(held, fact.what, fact.point, fact.reach)
        if fact.kind == 'area':
            return self._set_in_area(held, fact.what)
        return self._set_aside()

    def _share(self, held: str, place: str, centre: Spot, reach: float) -> Step | str:
        others = [item for item in self.scene.objects if item.name != held]
        step = Step('place_at', held, place)
        if is_free(centre, others, 0.085) and not self.cramped.get(step):
            return step
        room = (find_free_spot(centre, self.scene, way, self._avoid()) for way in (reach - 0.015, reach * 1.5))
        spot = next((spot for spot in room if spot), None)
        return Step('place_at', held, format_spot(*spot)) if spot else f'there is no more room at the {place}'

    def _set_in_area(self, held: str, area: str) -> Step | str:
        axis, sign = AREAS[area]
        centre = list(LOCATIONS['middle'])
        centre[axis] += sign * (0.09 if axis == 0 else 0.15)
        spot = find_free_spot((centre[0], centre[1]), self.scene, WIDE, self._avoid(), area)
        return Step('place_at', held, format_spot(*spot)) if spot else f'there is no more room in the {area}'

    def _set_aside(self) -> Step | str:
        wanted = [fact.point for fact in self.wanted if fact.point]
        avoid = (*self._avoid(), *self.kept, *wanted)
        centre = (sum(ZONE_X) / 2, sum(ZONE_Y) / 2)
        spot = find_free_spot(centre, self.scene, WIDE, avoid) or find_free_spot(centre, self.scene, WIDE)
        if spot is None:
            return f'there is no free spot on the table for the {self.scene.held}'
        return Step('place_at', self.scene.held, format_spot(*spot))

    def _avoid(self) -> tuple[Spot, ...]:
        """Return points where putting something down failed."""
        places = (find_place(step.destination) for step, count in self.cramped.items() if count and step.destination)
        return tuple(place for place in places if place)

    def _is_ready(self, fact: Fact) -> bool:
        """Return whether the fact's thing could be put down now."""
        if fact.kind == 'held':
            return True
        before = self.wanted[: self.wanted.index(fact)] if fact in self.wanted else ()
        if fact.kind in ('in', 'on') and any(other.name == fact.what for other in before):
            return False
        return not self._find_place_blocker(fact)

    def _find_blocker(self, fact: Fact) -> str:
        """Return what must go before the fact's thing can be moved; empty if nothing must."""
        covers = find_covers(self.scene)
        if fact.name in covers:
            return covers[fact.name]
        if self.cramped.get(Step('pick', fact.name)):
            crowd = self._find_near(self.scene.get(fact.name), CROWD)
            if crowd:
                return crowd
        return self._find_place_blocker(fact)

    def _find_place_blocker(self, fact: Fact) -> str:
        cover = find_covers(self.scene).get(fact.what, '') if fact.kind == 'on' else ''
        if cover:
            return cover if cover != fact.name else ''
        if fact.kind != 'at' or not fact.point:
            return ''
        others = [item for item in self.scene.objects if item.name not in (fact.name, self.scene.held)]
        must_fit_well = fact.reach < AT_REACH or self.cramped.get(Step('place_at', fact.name, fact.what))
        if must_fit_well:
            near = [item for item in others if math.dist(item.p_base[:2], fact.point) < TIGHT]
        else:
            spot = find_spot(fact.what, self.scene)
            near = [item for item in others if math.dist(item.p_base[:2], spot) < CLEARANCE[False]]
        blocks = [item.name for item in near if shape_of(item.label) != 'bowl']
        return blocks[0] if blocks else ''

    def _find_near(self, item: SceneObject, reach: float) -> str:
        """Return the nearest other block that can be taken away; empty if there is none."""
        near = [
            (math.dist(item.p_base[:2], other.p_base[:2]), other.name)
            for other in self.scene.objects
            if other.name not in (item.name, self.scene.held) and shape_of(other.label) == 'block'
            if not self.cramped.get(Step('pick', other.name)) and abs(other.p_base[2] - item.p_base[2]) < 0.02
        ]
        distance, name = min(near, default=(reach, ''))
        return name if distance < reach else ''

    def _find_top(self, name: str) -> str:
        covers = find_covers(self.scene)
        for _ in range(len(covers)):
            name = covers.get(name, name)
        return name

    def _is_shut(self, name: str) -> bool:
        item = self.scene.find(name)
        return item is not None and shape_of(item.label) == DRAWER and not is_open(name, self.scene)
