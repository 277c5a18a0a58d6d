"""
What each skill call of a program makes true, bound to the things and places of the scene when it begins.

``bind`` turns a call into facts (``facts``) or says why it cannot: a name that fits nothing, or several. It
chooses what words leave open: which block is the lowest of a tower, who goes to which corner, where a group
meets. Nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import math

from vlm_robot.datatypes import Point, Scene, Step
from vlm_robot.planning.arrangement import is_free, is_on_table, lay_row, Spot
from vlm_robot.planning.facts import Fact, holds, NEAR_REACH
from vlm_robot.planning.filters import Absent, Ambiguous, Names, TABLE, Unresolved
from vlm_robot.planning.program_parts import Call, Listing, SIDES, Text, Value
from vlm_robot.planning.selectors import Resolver
from vlm_robot.planning.symbolic import relate
from vlm_robot.vocabulary import AREAS, find_place, format_spot, LOCATIONS, shape_of

SPOT_REACH = 0.015  # metres from a computed spot where a thing already lies well
BACK_REACH = 0.03  # metres from the old place of a thing that is put back or exchanged
TOGETHER = 0.165  # metres between the members of a group; the checker allows 0.18
GROUP_GAP = 0.085  # metres between the centres of its blocks


@dataclass(frozen=True)
class Move:
    """
    Where a thing was before the last turn moved it: what ``undo()`` restores.

    :param point: metres in the base frame, its old centre.
    :param place: (``in`` or ``on``, thing) or (``table``, '').
    """

    name: str
    point: Point
    place: tuple[str, str] = ('table', '')


def find_moves(before: Scene, after: Scene) -> tuple[Move, ...]:
    """Return what lies elsewhere after a turn, with its old place."""
    places, now = relate(before), relate(after)
    moves = []
    for item in before.objects:
        other = after.find(item.name)
        if other is None or item.name == before.held:
            continue
        relation, what = places[item.name]
        rests = relation in ('in', 'on')
        is_moved = math.dist(item.p_base[:2], other.p_base[:2]) > BACK_REACH or item.name == after.held
        if is_moved or (rests and now[item.name] != places[item.name]):
            moves.append(Move(item.name, item.p_base, (relation, what) if rests else ('table', '')))
    return tuple(moves)


def bind(call: Call, resolver: Resolver, moves: Sequence[Move] = ()) -> tuple[Fact, ...] | Absent | Ambiguous:
    """
    Return what a skill call makes true.

    :param moves: what the last turn of the dialogue moved, in order.
    """
    try:
        if call.function == 'undo':
            return _bind_undo(moves)
        return _BINDERS[call.function](call, resolver)
    except Unresolved as stop:
        return stop.answer


def bind_pairs(first: Value, second: Value, resolver: Resolver) -> tuple[Names, Names]:
    """
    Return two runs of equal length for ``zip``: who goes where.

    A thing that is in its place already keeps it; places where something else stands come last.
    """
    things = resolver.names(first)
    if isinstance(second, Call) and second.function == 'line':
        spots = lay_row(_word(second), len(things), resolver.scene, things)
        names = tuple(format_spot(*spot) for spot in spots)
        return (_sort_along(things, spots, resolver) if isinstance(first, Call) else things), names
    places = resolver.names(second)
    if isinstance(second, Call) and second.function == 'all' and isinstance(first, Call):
        return _match(things, places, resolver)
    count = min(len(things), len(places))
    return things[:count], places[:count]


def _match(things: Names, places: Names, resolver: Resolver) -> tuple[Names, Names]:
    scene = resolver.scene
    pairs: dict[str, str] = {}
    for place in places:
        there = [name for name in things if name not in pairs.values() and holds(_lead(name, place, scene), scene)]
        if there:
            pairs[place] = there[0]
    others = [item for item in scene.objects if item.name not in things and shape_of(item.label) == 'bowl']
    free = [place for place in places if place not in pairs]
    free.sort(key=lambda place: bool(find_place(place)) and not is_free(resolver.point(place), others, 0.05))
    rest = [name for name in things if name not in pairs.values()]
    pairs |= dict(zip(free, rest))
    return tuple(pairs.values()), tuple(pairs)


def _sort_along(things: Names, spots: Sequence[Spot], resolver: Resolver) -> Names:
    (x0, y0), (x1, y1) = spots[0], spots[-1]
    return tuple(
        sorted(things, key=lambda name: resolver.point(name)[0] * (x1 - x0) + resolver.point(name)[1] * (y1 - y0))
    )


def _lead(name: str, place: str, scene: Scene, is_shared: bool = False) -> Fact:
    """Return the fact that a thing is at, in or on a destination, as the destination wants it."""
    if name == place:
        raise Unresolved(Absent(f'the {name} cannot be put on itself'))
    item = scene.find(place)
    if item is not None:
        return Fact('in' if shape_of(item.label) in ('bowl', 'drawer', 'box') else 'on', name, place)
    if place in AREAS:
        return Fact('area', name, place)
    if place == TABLE:
        return Fact('table', name)
    if is_shared:
        return Fact('near', name, place, NEAR_REACH)
    return Fact('at', name, place) if place in LOCATIONS else Fact('at', name, place, SPOT_REACH)


def _bind_put(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    what, where = call.args
    if isinstance(where, Call) and where.function == 'line':
        return tuple(_lead(*pair, resolver.scene) for pair in zip(*bind_pairs(what, where, resolver)))
    asked = resolver.resolve(what)
    places = resolver.names(where)  # what is not there is told before a question is asked
    if isinstance(asked, Absent | Ambiguous):
        raise Unresolved(asked)
    if len(places) > 1:
        return tuple(_lead(*pair, resolver.scene) for pair in zip(*bind_pairs(what, where, resolver)))
    return _bring(asked, places[0], resolver.scene)


def _bring(things: Names, place: str, scene: Scene) -> tuple[Fact, ...]:
    """Return the facts that bring all things to one destination; on a block they become a tower."""
    if len(things) > 1:
        things = tuple(name for name in things if name != place)
    lead = _lead(things[0], place, scene)
    if lead.kind == 'on':
        return tuple(Fact('on', upper, lower) for lower, upper in zip((place, *things), things))
    return tuple(_lead(name, place, scene, len(things) > 1) for name in things)


def _bind_place(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    if not resolver.scene.held:
        raise Unresolved(Absent('the hand is empty: there is nothing to put down'))
    return _bring((resolver.scene.held,), resolver.names(call.args[0])[0], resolver.scene)


def _bind_stack(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    scene = resolver.scene
    names = resolver.names(call.args[0])
    blocks = tuple(dict.fromkeys(name for name in names if shape_of(scene.get(name).label) != 'bowl'))
    places = resolver.names(call.args[1]) if len(call.args) > 1 else ()
    if places and scene.find(places[0]):
        blocks = tuple(name for name in blocks if name != places[0])
    if not blocks:
        raise Unresolved(Absent('there is nothing to stack'))
    order = blocks if isinstance(call.args[0], Listing) else _order_tower(blocks, places, scene)
    base = tuple(_lead(order[0], place, scene) for place in places[:1])
    if not base and relate(scene)[order[0]][0] == 'on' and relate(scene)[order[0]][1] not in order:
        base = (Fact('off', order[0]),)
    return base + tuple(Fact('on', upper, lower) for lower, upper in zip(order, order[1:]))


def _order_tower(blocks: Names, places: Names, scene: Scene) -> Names:
    """Return blocks from the bottom up: the highest tower of them that stands already is kept."""
    relations = relate(scene)
    above = {what: name for name, (kind, what) in relations.items() if kind == 'on' and name in blocks}
    towers = []
    for name in blocks:
        kind, what = relations[name]
        if kind == 'on' and what in blocks:
            continue
        tower = [name]
        while tower[-1] in above:
            tower.append(above[tower[-1]])
        is_there = bool(places) and holds(_lead(name, places[0], scene), scene)
        towers.append((is_there, kind in ('table', 'at'), len(tower), tower))
    best = max(towers, key=lambda entry: entry[:3])[3]
    return (*best, *(name for name in blocks if name not in best))


def _bind_unstack(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    names = resolver.names(call.args[0])
    if len(names) > 1:
        return tuple(Fact('off', name) for name in names)
    relation = relate(resolver.scene).get(names[0], ('', ''))[0]
    own = {'on': Fact('off', names[0]), 'in': Fact('table', names[0])}
    return (Fact('clear', names[0]), *((own[relation],) if relation in own else ()))


def _bind_swap(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    a, b = (resolver.single(arg) for arg in call.args)
    scene = resolver.scene
    if scene.held in (a, b):
        raise Unresolved(Absent(f'the {scene.held} is in the hand; put it down first'))
    if a == b:
        return ()
    places = relate(scene)
    if places[b] == ('on', a):
        a, b = b, a
    facts = [_back_to(b, scene.get(a).p_base, places[a]), _back_to(a, scene.get(b).p_base, places[b])]
    if places[a] == ('on', b):  # the lower one goes on the upper one, which goes where the lower one was
        facts = [_back_to(a, scene.get(b).p_base, places[b]), Fact('on', b, a)]
    return tuple(facts)


def _back_to(name: str, point: Point, place: tuple[str, str]) -> Fact:
    if place[0] in ('in', 'on'):
        return Fact(place[0], name, place[1])
    return Fact('at', name, format_spot(*point[:2]), BACK_REACH)


def _bind_undo(moves: Sequence[Move]) -> tuple[Fact, ...]:
    if not moves:
        raise Unresolved(Absent('there is nothing to undo: nothing was moved before'))
    lowest_first = sorted(moves, key=lambda move: round(move.point[2], 2))
    return tuple(_back_to(move.name, move.point, move.place) for move in lowest_first)


def _bind_group(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    scene = resolver.scene
    names = resolver.names(call.args[0])
    movers = tuple(name for name in names if shape_of(scene.get(name).label) == 'block')
    if len(call.args) > 1:
        return _bring(movers, resolver.names(call.args[1])[0], scene)
    points = {name: resolver.point(name) for name in names}
    if all(math.dist(points[a], points[b]) <= TOGETHER for a in names for b in names):
        return ()
    fixed = [name for name in names if name not in movers]
    options = (_gather(anchor, [n for n in movers if n != anchor], resolver) for anchor in fixed or movers)
    return min(options, key=lambda option: option[0])[1]


def _gather(anchor: str, movers: Sequence[str], resolver: Resolver) -> tuple[tuple[int, float], tuple[Fact, ...]]:
    """Return how good an anchor is (members left out, metres apart) and the facts that bring the others to it."""
    scene = resolver.scene
    others = [item for item in scene.objects if item.name not in movers]
    centre = resolver.point(anchor)
    chosen: list[Spot] = [centre]
    grid = [(centre[0] + 0.01 * i, centre[1] + 0.01 * j) for i in range(-16, 17) for j in range(-16, 17)]
    free = [spot for spot in grid if is_on_table(spot, 0.0) and is_free(spot, others, GROUP_GAP)]
    while free and len(chosen) <= len(movers):
        chosen.append(min(free, key=lambda spot: (round(max(math.dist(spot, c) for c in chosen), 3), spot)))
        free = [spot for spot in free if math.dist(spot, chosen[-1]) >= GROUP_GAP]
    facts = tuple(Fact('at', name, format_spot(*spot), SPOT_REACH) for name, spot in zip(movers, chosen[1:]))
    spread = max(math.dist(a, b) for a in chosen for b in chosen)
    is_buried = relate(scene)[anchor][0] in ('in', 'on')
    return (len(movers) - len(facts) + is_buried, spread), facts


def _bind_pick(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    names = resolver.names(call.args[0])
    if len(names) > 1:
        raise Unresolved(Absent(f'the hand holds one thing, not {len(names)}'))
    return (Fact('held', names[0]),)


def _bind_push(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    names, where = resolver.names(call.args[0]), call.args[1]
    way = where.value if isinstance(where, Text) and where.value in SIDES else resolver.names(where)[0]
    return tuple(Fact('deed', name, step=Step(call.function, name, way)) for name in names)


def _bind_drawer(kind: str) -> Callable[[Call, Resolver], tuple[Fact, ...]]:
    def bind_one(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
        return tuple(Fact(kind, name) for name in resolver.names(call.args[0]))

    return bind_one


def _bind_hand_over(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    return tuple(Fact('deed', name, step=Step('hand_over', name)) for name in resolver.names(call.args[0]))


def _bind_refuse(call: Call, resolver: Resolver) -> tuple[Fact, ...]:
    raise Unresolved(Absent(_word(call) or 'this cannot be done'))


def _word(call: Call) -> str:
    return call.args[0].value if isinstance(call.args[0], Text) else ''


_BINDERS: Mapping[str, Callable[[Call, Resolver], tuple[Fact, ...]]] = {
    'put': _bind_put,
    'pick': _bind_pick,
    'place': _bind_place,
    'stack': _bind_stack,
    'unstack': _bind_unstack,
    'swap': _bind_swap,
    'group': _bind_group,
    'push': _bind_push,
    'sweep': _bind_push,
    'open': _bind_drawer('open'),
    'close': _bind_drawer('closed'),
    'hand_over': _bind_hand_over,
    'go_home': lambda call, resolver: (Fact('deed', '', step=Step('go_home')),),
    'refuse': _bind_refuse,
}
