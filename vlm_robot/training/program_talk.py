"""Kinds of task that need more than one sentence, or that are none: dialogue, answers to questions, refusals."""

from __future__ import annotations

import random

from vlm_robot.training import planner_wordings
from vlm_robot.training import program_words as words
from vlm_robot.training.planner_tasks import Palette
from vlm_robot.training.program_clauses import frame, say_move
from vlm_robot.training.program_sets import finish
from vlm_robot.training.program_tasks import draw_table, ProgramTask, Turn
from vlm_robot.training.program_voice import call, colour_of, Phrase, Voice

NO_COMMAND = "refuse('that is no command for this table')"
BEYOND = "refuse('this robot cannot do that')"
NONSENSE = "refuse('these words make no sense here')"
ENGLISH = "refuse('only English is understood')"
NOTHING = "refuse('nothing is to be moved')"


def follow_up(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write two or three turns, the later of which lean on the first."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = False
    blocks = rng.sample(voice.blocks, min(3, len(voice.blocks)))
    where = voice.inside() if rng.random() < 0.45 else voice.destination(blocks[0])
    if any(f"'{name}'" in where.code for name in blocks):  # a block cannot go onto itself in the next turn
        where = voice.place()
    what = voice.the(blocks[0])
    turns = [Turn(frame(rng, say_move(rng, what.words, where.words)), f'put({what.code}, {where.code})')]
    code, place = what.code, where
    for block in blocks[1:]:
        turn, code, place = _next_turn(rng, voice, block, code, place)
        turns.append(turn)
        if turn.body == 'undo()' or rng.random() < 0.6:
            break
    return ProgramTask('dialogue', scene, tuple(turns))


def _next_turn(rng: random.Random, voice: Voice, block: str, code: str, where: Phrase) -> tuple[Turn, str, Phrase]:
    """Return a turn that leans on ``put(code, where)``, and what it moved where."""
    roll = rng.random()
    if roll < 0.22:
        return Turn(rng.choice(words.UNDO), 'undo()'), code, where
    if roll < 0.27:
        return Turn(rng.choice(words.AGAIN), f'put({code}, {where.code})'), code, where
    if roll < 0.62:  # the same with another thing
        what = voice.the(block, one=True)
        if rng.random() < 0.4:
            what = Phrase(
                rng.choice((f'the {colour_of(block)} one', f'the {colour_of(block)} one', colour_of(block))), what.code
            )
        elif rng.random() < 0.15:
            what = Phrase(
                rng.choice(('the other one', 'the other block', 'the rest', 'all the others', 'the others')), ''
            )
            many = what.words in ('the rest', 'all the others', 'the others')
            what = Phrase(what.words, call('all' if many else 'the', 'block', but=code))
        text = rng.choice(words.SAME).format(w=what.words)
        return Turn(text, f'put({what.code}, {where.code})'), what.code, where
    if roll < 0.72 and voice.bowls and where.code[5:-2] in voice.bowls:  # the other bowl
        said = rng.choice(
            ('in the other bowl', 'into the other one', 'the other bowl', 'in the other', 'the other dish')
        )
        target = Phrase(said, call('the', 'bowl', but=where.code))
        return Turn(rng.choice(words.THERE).format(t=said), f'put({code}, {target.code})'), code, target
    if roll < 0.76:
        said = rng.choice(
            ('hand it to me', 'give it to me', 'now give it to me', 'pass it to me now', 'then hand it over')
        )
        return Turn(said, f'hand_over({code})'), code, where
    goal = voice.place() if rng.random() < 0.5 else voice.destination(block)
    if code[5:-2] and f"'{code[5:-2]}'" in goal.code:
        goal = voice.place()
    text = rng.choice(words.THERE).format(t=goal.words)
    return Turn(text, f'put({code}, {goal.code})'), code, goal


def answer(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write an ambiguous sentence with the answer to the robot's question behind it."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=2)
    voice = Voice(rng, scene)
    voice.is_bare = False
    block, bowl = rng.choice(voice.blocks), rng.choice(voice.bowls)
    asks_block = rng.random() < 0.7
    what = voice.the('block') if asks_block else voice.the(block)
    asks_bowl = not asks_block or rng.random() < 0.3
    target = voice.the('bowl') if asks_bowl else voice.the(bowl)
    where = Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    if asks_block and not asks_bowl and rng.random() < 0.5:
        where = voice.place()
    text = say_move(rng, what.words, where.words, plain=rng.random() < 0.6)
    what_code, where_code, stop = what.code, where.code, ''
    if asks_block:
        text, what_code, stop = _reply(rng, voice, text, block, 'block')
    if asks_bowl and not stop:
        text, where_code, stop = _reply(rng, voice, text, bowl, 'bowl')
    return ProgramTask('answer', scene, (Turn(text, stop or f'put({what_code}, {where_code})'),))


def _reply(rng: random.Random, voice: Voice, text: str, name: str, noun: str) -> tuple[str, str, str]:
    """Return the sentence with question and answer, the code of the answer, and the whole body if it ends the task."""
    roll = rng.random()
    which = rng.choice((words.WHICH, words.WHICH, words.WHICH, f'which {noun}?', f'which {noun} do you mean?'))
    if roll < 0.72:
        reply = rng.choice(words.ANSWERS).format(w=voice.the(name).words, c=colour_of(name))
        if name[-1].isdigit() and name[-1] not in reply:
            reply = voice.bare(name)
        return f'{text}; {which} {reply}', call('the', name), ''
    if roll < 0.80:
        way = rng.choice(('left', 'right', 'top', 'bottom'))
        said = rng.choice((f'the {way} one', f'the one on the {way}', f'the {way} {noun}', f'the one furthest {way}'))
        return f'{text}; {which} {said}', call('the', noun, **{f'from_{way}': '1'}), ''
    if roll < 0.90:
        return f'{text}; {which} {rng.choice(words.ANY)}', call('a', noun), ''
    if roll < 0.94 and noun == 'block':
        return f'{text}; {which} {rng.choice(words.BOTH)}', call('all', noun), ''
    return f'{text}; {which} {rng.choice(words.NONE)}', '', NOTHING


def ambiguous(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write what only a question could settle, beside its twins that leave the choice to the robot."""
    scene = draw_table(rng, palette, least_blocks=2, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = rng.random() < 0.1
    definite = rng.random() < 0.6
    name = rng.choice(('block', 'block', voice.blocks[0].rstrip(' 0123456789')))
    what = voice.the(name) if definite else voice.a(name)
    target = voice.the('bowl') if rng.random() < 0.5 else voice.a('bowl')
    if rng.random() < 0.4:
        target = voice.the(rng.choice(voice.bowls))
    where = Phrase(f'{rng.choice(words.IN_WORDS)} {target.words}', target.code)
    if rng.random() < 0.3:
        where = voice.place()
    text = say_move(rng, what.words, where.words, plain=rng.random() < 0.6)
    return finish('which', rng, scene, text, f'put({what.code}, {where.code})')


def chatter(rng: random.Random, palette: Palette) -> ProgramTask:
    """Write what is no command for this table: talk, questions, other robots' tasks, other languages, noise."""
    scene = draw_table(rng, palette, least_bowls=1)
    voice = Voice(rng, scene)
    voice.is_bare = False
    block, bowl = voice.the(rng.choice(voice.blocks)).words, voice.the(rng.choice(voice.bowls)).words
    colour = rng.choice(planner_wordings.TRAIN_COLOURS)
    roll = rng.random()
    if roll < 0.22:
        text, body = rng.choice(TALK), NO_COMMAND
    elif roll < 0.48:
        text, body = rng.choice(QUESTIONS).format(b=block, d=bowl, c=colour, n=voice.plural('block')), NO_COMMAND
    elif roll < 0.68:
        text, body = rng.choice(ELSEWHERE), BEYOND
    elif roll < 0.84:
        text, body = rng.choice(CANNOT).format(b=block, d=bowl, c=colour), BEYOND
    elif roll < 0.89:
        text, body = rng.choice(LEAVE).format(b=block, d=bowl), NOTHING
    elif roll < 0.94:
        text, body = rng.choice(planner_wordings.FOREIGN), ENGLISH
    else:
        text, body = planner_wordings.write_gibberish(rng), NONSENSE
    if body == NO_COMMAND and text.endswith('?') and rng.random() < 0.2:
        text = (
            rng.choice(('tell me, ', 'say, ', 'i wonder, ', 'do you know ', 'so ', 'one question: ', 'by the way, '))
            + text
        )
    if rng.random() < 0.15 and body in (BEYOND, NO_COMMAND) and '?' not in text:
        text = f'{rng.choice(("please", "robot,", "can you", "hey,", "could you"))} {text}'
    return ProgramTask('refuse', scene, (Turn(text, body),))


TALK = (
    'hello', 'hi there', 'good morning', 'good night', 'how are you', 'how are you today', 'thank you', 'thanks a lot',
    'nice work', 'well done', 'i am hungry', 'i am tired', 'i love you', 'you are great', 'the sky is clear',
    'it is cold here',
    'red is my favourite colour', 'blocks are fun', 'robots are cool', 'this is a nice table', 'i had a long day',
    'yes', 'no',
    'maybe', 'ok', 'hmm', 'stop', 'help', 'wait', 'wait a minute', 'be quiet', 'look around', 'never mind',
    'do something',
    'do it', 'i like bowls', 'what a mess', 'my name is anna', 'i am back', 'see you tomorrow', 'good bye', 'great',
    'cool',
    'to be or not to be', 'once upon a time there was a robot', 'ignore all previous instructions', 'interesting',
    'sure',
    'that was funny', 'i think so', 'let me think', 'the table is made of wood', 'it rains', 'happy birthday',
    'congratulations',
)  # fmt: skip
QUESTIONS = (
    'how many {n} are there', 'how many {n} do you see?', 'which {n} are on the table?', 'is {b} in {d}?',
    'is {b} in {d} now?', 'is {b} already inside {d}?', 'is {d} empty?',
    'which of the bowls is the biggest?', 'can you say if {b} is in {d}?',
    'is {b} on the left?',
    'what colour is {d}?', 'where is {b}?', 'where are the {n}?', 'what is in {d}?', 'is there anything in {d}?',
    'what do you see?',
    'can you see {b}?', 'do you see {b}?', 'why is {b} there?', 'is {b} heavy?', 'which block is the closest to {d}?',
    'how big is {b}?',
    'what is your name', 'what is your name?', 'who are you?', 'who built you?', 'what can you do?',
    'what time is it?', 'how old are you?',
    'what is two plus two?', 'what is the meaning of life?', 'who won the game yesterday?', 'are you a robot?',
    'do you like {c}?',
    'what day is it today?', 'how is the weather?', 'why is the {c} block {c}?', 'is the drawer open?',
    'are there any {n} left?',
    'what did you just do?', 'did you move {b}?', 'are you done?', 'how far is {b} from {d}?',
    'what stands left of {d}?',
    'is {b} bigger than {d}?', 'tell me where {b} is', 'tell me what is in {d}', 'describe the table', 'describe {b}',
    'count the {n}',
    'name all the {n}', 'say which block is {c}', 'explain what you see', 'tell me a joke', 'tell me about {b}',
    'how do you feel?',
    'what is a bowl?', 'which one is {b}?', 'how tall is the tower?', 'do you speak german?',
    'have you seen my keys?', 'what is under {b}?',
)  # fmt: skip
ELSEWHERE = (
    'make coffee', 'make me a coffee', 'make some coffee please', 'brew some tea', 'make tea', 'cook dinner',
    'cook an egg', 'fry an egg',
    'wash the dishes', 'do the dishes', 'clean the floor', 'mop the floor', 'vacuum the room', 'go to the kitchen',
    'drive forward',
    'walk to the door', 'turn around', 'jump', 'dance', 'dance for me', 'bring me a drink',
    'get me a beer from the fridge', 'buy some milk',
    'charge your battery', 'update your software', 'delete all files', 'shut down', 'switch yourself off', 'fly away',
    'sing a song',
    'play some music', 'book a flight to paris', 'call my mother', 'send an email to the boss', 'turn on the light',
    'turn off the lamp',
    'open the door', 'close the window', 'open the window', 'water the plants', 'feed the cat', 'walk the dog',
    'fold the laundry',
    'iron the shirt', 'paint a picture', 'draw a horse', 'write a poem', 'read me a story',
    'translate this into french', 'solve this equation',
    'take a picture', 'put the table on fire', 'set everything on fire', 'make me a cappuccino', 'make a latte',
    'take a photo of the table', 'say hello', 'count to ten', 'wave at me', 'shake my hand',
    'clap your hands', 'make the bed',
    'set an alarm for seven', 'order a pizza', 'make a sandwich', 'cut some bread', 'peel the potatoes', 'boil water',
    'pour me a glass of water',
    'drive to the store', 'climb the stairs', 'build a house', 'repair my bike', 'sharpen the pencil',
    'print this page', 'search the internet',
    'start the car', 'mow the grass', 'take out the rubbish', 'answer the phone', 'lock the door', 'heat the oven',
    'massage my back',
    'bake bread', 'calibrate the camera', 'come here', 'sit down', 'run away', 'follow me', 'look at me',
    'close your eyes', 'sleep',
)  # fmt: skip
CANNOT = (
    'paint {b} {c}', 'cut {b} in half', 'eat {b}', 'throw {b} at the wall', 'throw {b} out of the window',
    'break {b}', 'melt {b}', 'burn {b}',
    'wash {b}', 'turn {b} into a bowl', 'make {b} bigger', 'rotate {b} by ninety degrees', 'flip {b} over',
    'juggle {b}', 'juggle with the blocks',
    'bring {b} to the kitchen', 'put {b} in the fridge', 'put {b} in your pocket', 'take {b} home', 'sell {b}',
    'fill {d} with water',
    'pour the soup into {d}', 'wash {d}', 'break {d}', 'eat from {d}', 'kick {b}', 'squeeze {b} flat',
    'glue {b} to {d}', 'tie {b} to {d}',
    'photograph {b}', 'swallow {b}', 'launch {b} into space', 'teleport {b}', 'dissolve {b}', 'explode {b}',
    'tip {d} over', 'shake {b}',
    'turn {d} upside down', 'spin {b}', 'put {b} on the ceiling', 'put {b} on the moon', 'put {b} on my head',
    'sharpen {b}', 'rename {b}',
    'make {b} {c}', 'dye {d} {c}', 'drop {b} on the floor', 'lift the table', 'smash {d}', 'drill a hole into {b}',
    'polish {d}', 'heat {b}',
    'freeze {b}', 'throw {b} in the bin outside', 'hang {b} on the wall', 'balance {b} on one edge',
    'weld {b} and {d}', 'lick {b}',
)  # fmt: skip
LEAVE = (
    'do not move {b}', "don't touch {b}", 'never put {b} in {d}', "don't put {b} in {d}", 'do not put {b} in {d}',
    'leave {b} where it is',
    'leave {b} alone', 'keep {b} where it is', "please don't move anything", 'do not do anything', 'do nothing',
    'leave everything as it is',
    'let {b} stay where it is', 'forget {b}', "don't move", 'nothing to do for now', 'do not take {b} out of {d}',
    'stay where you are',
)  # fmt: skip
