"""
Steps on a symbolic table: what each skill would make true, with nominal positions in the base frame (metres).

It is the forward model of the planner and of plan-only evaluation; it knows no physics and never fails a
grasp.
"""

from __future__ import annotations

from dataclasses import replace
import math

from vlm_robot import furniture
from vlm_robot.datatypes import Point, Relation, Scene, SceneObject, Step, WorldState
from vlm_robot.errors import name_nearest, PlanError
from vlm_robot.vocabulary import BLOCK_SIZE, find_place, LOCATIONS, shape_of, ZONE_X, ZONE_Y

AT_RADIUS = 0.05  # metres XY, the tolerance of the goal predicates (facts of CLIPort and Code as Policies)
IN_RADIUS = 0.05  # metres XY between a block in a bowl and the bowl
ON_RADIUS = 0.03  # metres XY between stacked blocks; more and it would fall
ON_HEIGHT = (0.025, 0.06)  # metres between the centres of stacked 4 cm blocks
HAND = (0.45, 0.0, 0.35)  # metres, nominal place of a held object
IN_BOWL_OFFSETS = ((0.0, 0.0), (0.02, 0.02), (-0.02, -0.02), (0.02, -0.02), (-0.02, 0.02))
SPOT_RADII = (0.0, 0.016, 0.032, 0.048)  # metres from the middle of a location
CLEARANCE = {False: 0.046, True: 0.09}  # metres between centres: block beside block, block beside bowl
IN_BOWL_Z = 0.03  # metres, centre of a block that lies in a bowl


def relate(scene: Scene) -> dict[str, tuple[str, str]]:
    """
    Return the place of every object: name -> (``in``, ``on``, ``at``, ``held`` or ``table``; what).

    Relations ``in`` and ``on`` of the scene are believed; where the scene has none at all, positions decide.
    """
    told = {
        r.subject: (r.predicate, r.object)
        for r in scene.relations
        if r.predicate in ('in', 'on') and r.object in scene.names
    }
    places: dict[str, tuple[str, str]] = {}
    for item in scene.objects:
        if item.name == scene.held:
            places[item.name] = ('held', '')
        elif item.name in told:
            places[item.name] = told[item.name]
        elif shape_of(item.label) == 'bowl':
            places[item.name] = ('table', '')
        elif shape_of(item.label) == furniture.DRAWER:
            places[item.name] = ('is', furniture.describe_opening(item.p_base))
        else:
            places[item.name] = (None if told else _find_support(item, scene)) or _find_location(item)
    if scene.held and scene.held not in places:
        places[scene.held] = ('held', '')
    return places


def _find_support(item: SceneObject, scene: Scene) -> tuple[str, str] | None:
    best: tuple[float, tuple[str, str]] | None = None
    for other in scene.objects:
        if other.name in (item.name, scene.held) or shape_of(other.label) == furniture.PILE:
            continue
        distance = math.dist(item.p_base[:2], other.p_base[:2])
        if shape_of(other.label) == 'bowl':
            fits, relation = distance < IN_RADIUS, 'in'
        elif shape_of(other.label) == furniture.DRAWER:
            fits, relation = furniture.is_inside(item.p_base, other.p_base), 'in'
        else:
            rise = item.p_base[2] - other.p_base[2]
            fits, relation = distance < ON_RADIUS and ON_HEIGHT[0] < rise < ON_HEIGHT[1], 'on'
        rank = distance if relation == 'on' else distance + 1.0  # a block on a block in a bowl is on the block
        if fits and (best is None or rank < best[0]):
            best = (rank, (relation, other.name))
    return best[1] if best else None


def _find_location(item: SceneObject) -> tuple[str, str]:
    for name, xy in LOCATIONS.items():
        if math.dist(item.p_base[:2], xy) < AT_RADIUS:
            return 'at', name
    return 'table', ''


def find_covers(scene: Scene) -> dict[str, str]:
    """Return for every block that has another on top: name -> name of the block on top."""
    return {what: name for name, (relation, what) in relate(scene).items() if relation == 'on'}


def apply(step: Step, scene: Scene) -> Scene:
    """
    Return the scene after a step that succeeds.

    :raises PlanError: the step makes no sense here (names an absent object, or places with an empty hand).
    """
    if step.skill in ('go_home', 'done', 'refuse'):
        return scene
    if step.skill == 'pick':
        if scene.find(step.target) is None:
            raise PlanError(f"pick: no '{step.target}' in the scene; it holds {sorted(scene.names)}")
        return _move(scene, step.target, HAND, step.target, None)
    if step.skill in EFFECTS:
        return EFFECTS[step.skill](step, scene)
    held = scene.held
    if not held or step.target not in ('', held):
        raise PlanError(f"{step.skill}: asked to place '{step.target}', the hand holds '{held or 'nothing'}'")
    if step.skill == 'place_at':
        if find_place(step.destination) is None:
            raise PlanError(f"place_at: no location '{step.destination}'; allowed: {sorted(LOCATIONS)}")
        return _move(scene, held, (*find_spot(step.destination, scene), BLOCK_SIZE / 2), '', None)
    if step.skill not in ('place_in', 'place_on'):
        raise PlanError(f"skill '{step.skill}' has no symbolic effect")
    goal = scene.find(step.destination)
    if goal is None or goal.name == held:
        raise PlanError(f"{step.skill}: no '{step.destination}' to place on; the scene holds {sorted(scene.names)}")
    if shape_of(goal.label) == furniture.DRAWER and not furniture.is_open(goal.p_base):
        raise PlanError(f'place_in: the {goal.name} is not open; open it first')
    relation = Relation(held, step.skill.removeprefix('place_'), goal.name)
    return _move(scene, held, _rest(step.skill, goal, scene), '', relation)


def find_spot(location: str, scene: Scene) -> tuple[float, float]:
    """Return the free place for a block nearest to a location, or its middle where none is free."""
    place = find_place(location)
    if place is None:
        raise PlanError(f"there is no place '{location}'; allowed: {sorted(LOCATIONS)}")
    x, y = place
    others = [item for item in scene.objects if item.name != scene.held]
    for radius in SPOT_RADII:
        for turn in range(8):
            spot = (x + radius * math.cos(turn * math.pi / 4), y + radius * math.sin(turn * math.pi / 4))
            if all(math.dist(spot, item.p_base[:2]) > CLEARANCE[shape_of(item.label) == 'bowl'] for item in others):
                return spot
    return x, y


def _rest(skill: str, goal: SceneObject, scene: Scene) -> Point:
    """Return the centre of a block that was just placed."""
    x, y, z = goal.p_base
    if skill == 'place_on':
        return x, y, z + BLOCK_SIZE
    if shape_of(goal.label) == furniture.DRAWER:
        slots = furniture.list_slots(goal.p_base)
        others = [item.p_base for item in scene.objects if item.name not in (scene.held, goal.name)]
        return next((s for s in slots if all(math.dist(s[:2], o[:2]) > BLOCK_SIZE for o in others)), slots[0])
    inside = sum(place == ('in', goal.name) for place in relate(scene).values())
    dx, dy = IN_BOWL_OFFSETS[inside % len(IN_BOWL_OFFSETS)]
    return x + dx, y + dy, IN_BOWL_Z


def _move(scene: Scene, name: str, p_base: Point, held: str, relation: Relation | None) -> Scene:
    known = scene.relations or _write_relations(scene)
    kept = tuple(r for r in known if r.subject != name and r.predicate in ('in', 'on'))
    objects = tuple(replace(item, p_base=p_base) if item.name == name else item for item in scene.objects)
    if scene.find(name) is None:
        objects += (SceneObject(name, name, p_base),)
    return replace(scene, objects=objects, relations=kept + ((relation,) if relation else ()), held=held)


def _write_relations(scene: Scene) -> tuple[Relation, ...]:
    return tuple(
        Relation(name, relation, what) for name, (relation, what) in relate(scene).items() if relation in ('in', 'on')
    )


def _find(step: Step, scene: Scene) -> SceneObject:
    item = scene.find(step.target)
    if item is None:
        raise PlanError(f"{step.skill}: no '{step.target}' in the scene{name_nearest(step.target, scene.names)}")
    return item


def _push(step: Step, scene: Scene) -> Scene:
    item = _find(step, scene)
    end = furniture.aim_push(item.p_base, step.destination, ZONE_X, ZONE_Y)
    if end is None:
        allowed = [*furniture.DIRECTIONS, *LOCATIONS]
        raise PlanError(f"push: no place '{step.destination}'{name_nearest(step.destination, allowed)}")
    return _move(scene, item.name, (*end, item.p_base[2]), scene.held, None)


def _sweep(step: Step, scene: Scene) -> Scene:
    item, place = _find(step, scene), furniture.find_region(step.destination)
    if place is None:
        raise PlanError(f"sweep: no place '{step.destination}'{name_nearest(step.destination, LOCATIONS)}")
    return _move(scene, item.name, (*place, item.p_base[2]), scene.held, None)


def _unstack(step: Step, scene: Scene) -> Scene:
    item = _find(step, scene)
    covers = find_covers(scene)
    moved = [item.name] if item.name not in covers else []
    while item.name in covers:
        item = scene.get(covers[item.name])
        moved.insert(0, item.name)
    for name in moved:
        x, y = scene.get(name).p_base[:2]
        spot = _find_free_point((x, y), replace(scene, held=name))
        scene = _move(scene, name, (*spot, BLOCK_SIZE / 2), '', None)
    return scene


def _find_free_point(near: tuple[float, float], scene: Scene) -> tuple[float, float]:
    """Return the free point of the zone nearest to one, with room for the hand around it."""
    others = [item.p_base[:2] for item in scene.objects if item.name != scene.held]
    steps = [0.04 * i for i in range(17)]
    points = [(ZONE_X[0] + 0.03 + dx, ZONE_Y[0] + 0.03 + dy) for dx in steps[:7] for dy in steps[:15]]
    free = [point for point in points if all(math.dist(point, other) > 2.5 * BLOCK_SIZE for other in others)]
    return min(free or points, key=lambda point: math.dist(point, near))


def _slide_drawer(step: Step, scene: Scene) -> Scene:
    item = _find(step, scene)
    if shape_of(item.label) != furniture.DRAWER:
        raise PlanError(f'{step.skill}: the {item.name} is no drawer')
    end = furniture.set_opening(furniture.DRAWER_STROKE if step.skill == 'open_drawer' else 0.0)
    shift = end[1] - item.p_base[1]
    inside = [name for name, place in relate(scene).items() if place == ('in', item.name)]
    moved = tuple(
        replace(other, p_base=(other.p_base[0], other.p_base[1] + shift, other.p_base[2]))
        if other.name in (item.name, *inside)
        else other
        for other in scene.objects
    )
    return replace(scene, objects=moved, relations=scene.relations or _write_relations(scene))


def _hand_over(step: Step, scene: Scene) -> Scene:
    if not scene.held or step.target not in ('', scene.held):
        raise PlanError(f"hand_over: asked for '{step.target}', the hand holds '{scene.held or 'nothing'}'")
    return _move(scene, scene.held, (*furniture.HAND_OVER, BLOCK_SIZE / 2), '', None)


EFFECTS = {
    'push': _push,
    'sweep': _sweep,
    'unstack': _unstack,
    'open_drawer': _slide_drawer,
    'close_drawer': _slide_drawer,
    'hand_over': _hand_over,
}


def to_state(scene: Scene) -> WorldState:
    """Return positions and hand of a scene, the form that goal predicates read."""
    return WorldState({item.name: item.p_base for item in scene.objects}, scene.held)
