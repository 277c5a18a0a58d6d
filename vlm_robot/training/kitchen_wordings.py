"""
How people say what the kitchen robot shall do: alternatives in brackets, written for training by hand.

``(a|b)`` is one of a or b; ``{w}`` is a thing, ``{p}`` a place, ``{q}`` where the thing is now, ``{it}`` its
pronoun. The evaluation's own sentences are kept out by kitchen_separation.py.
"""

from __future__ import annotations

THING_WORDS = {
    'apple': ('apple', 'red fruit'),
    'orange': ('orange',),
    'banana': ('banana',),
    'coke can': ('coke can', 'coke', 'can of coke', 'coca cola'),
    'pepsi can': ('pepsi can', 'pepsi', 'can of pepsi'),
    '7up can': ('7up can', '7up', 'seven up', 'can of 7up', 'lemon soda', 'lemon lime pop'),
    'lime soda': ('lime soda', 'lime drink', 'lime pop', 'can of lime soda'),
    'grapefruit soda': ('grapefruit soda', 'grapefruit drink', 'grapefruit pop'),
    'redbull can': ('redbull can', 'redbull', 'red bull', 'can of redbull'),
    'tea bottle': ('tea bottle', 'tea', 'bottle of tea', 'bottled tea', 'iced tea'),
    'water bottle': ('water bottle', 'water', 'bottle of water', 'bottled water'),
    'rice chips': ('rice chips', 'bag of rice chips', 'rice crisps'),
    'kettle chips': ('kettle chips', 'bag of kettle chips', 'kettle crisps'),
    'jalapeno chips': ('jalapeno chips', 'bag of jalapeno chips', 'jalapeno crisps'),
    'multigrain chips': ('multigrain chips', 'bag of multigrain chips', 'multi-grain crisps', 'chips with many grains'),
    'energy bar': ('energy bar', 'snack bar', 'protein bar'),
    'sponge': ('sponge', 'kitchen sponge', 'dish sponge', 'cleaning sponge'),
}
PLACE_WORDS = {
    'table': ('the table', 'the table', 'the table', 'the dining table', 'the table top'),
    'close counter': ('the close counter', 'the close counter', 'the close counter', 'the near counter',
                      'the closest counter', 'the nearby counter', 'the counter close by', 'close counter'),
    'far counter': ('the far counter', 'the far counter', 'the far counter', 'the distant counter',
                    'the farthest counter', 'the counter far away', 'the counter at the far end', 'far counter'),
    'trash': ('the trash', 'the trash', 'the trash can', 'the bin', 'the garbage', 'the garbage can',
              'the waste bin', 'the rubbish bin', 'the waste basket', 'the recycling bin'),
    'drawer': ('the drawer', 'the drawer', 'the kitchen drawer'),
    'user': ('me', 'me', 'me', 'my place', 'where i sit', 'the user', 'the operator'),
}  # fmt: skip
HEADS = (
    '', '', '', '', '', '', '(please|kindly) ', '(can|could|would) you (|please )', 'how would you (|help me )',
    'i (want|need|would like|ask) you to ', '(robot|hey robot|ok robot|hello), (|please )', '(go ahead and|now) ',
    'your (job|task) is to ', '(help me and|be nice and|just|next,) ', 'i was wondering if you could ', 'try to ',
)  # fmt: skip
TAILS = (
    '', '', '', '', '', '', '.', '.', '?', '!', ', please', ' please', ' for me', ' now', ', thanks', ', thank you',
    ' when you have time', ' right away', ', will you', ' quickly',
)  # fmt: skip
BRING = (
    '(bring|fetch|get|hand|give|pass|grab|find) me {w}', '(bring|hand|give|pass) me {w}', 'bring {w} to me',
    '(bring|get|fetch|carry|deliver|take|move) {w} (to me|over to me|to where i am|to my place|to the user)',
    '(bring|hand) {w} over', 'bring {w} (here|over here)', 'go (get|fetch|find) {w} for me',
    'go and (get|bring) me {w}',
    'come (to me|here|back) with {w}', '(get|fetch|grab|find) {w} for me',
    'put {w} (in my hand|in front of me|next to me)',
    'get {w} and (bring|hand|give) {it} to me', 'serve {w} to me', 'provide me with {w}', 'send {w} my way',
)  # fmt: skip
WISHES = (
    'i (want|need|would like|would like to have|would love|could use|could do with|am craving|feel like) {w}',
    "i'd (like|love|take|enjoy) {w}", '(may|can|could|might) i (have|get) {w}', "i('ll| will) (have|take) {w}",
    '{w}, please', '{w} for me', '(is there|do you have|have you got) {w} for me', 'i am looking for {w}, bring it',
    "i'm in the mood for {w}", 'what about {w}, can i have {it}', 'someone here wants {w}', 'my choice is {w}',
)  # fmt: skip
MOVE = (
    '(put|place|set|leave|move|carry|bring|take|drop|lay|shift|return) {w} (on|onto|to|at|over to|down on) {p}',
    '(put|place|set|move|bring) {w} (on|to|at) {p}', '(put|set|bring|take) {w} back (on|to|at) {p}',
    '(restock|stock|refill|store|arrange|position|deposit) {w} (on|at) {p}',
    '(restock|stock|fill|supply) {p} with {w}',
    '(transfer|relocate|haul|deliver|send) {w} to {p}', 'make sure {w} (is|ends up|gets) (on|at) {p}',
    'on {p} put {w}',
)  # fmt: skip
MOVE_WISHES = (
    '{w} (belongs|goes|should be|should go|should stand|has to be|must go|needs to be) (on|at|to) {p}',
    'i (want|need|would like) {w} (on|at) {p}', 'i want to see {w} on {p}', '{p} (needs|is missing|should have) {w}',
    '{w} to {p}', 'there should be {w} on {p}', 'the (right|proper) place of {w} is {p}',
)  # fmt: skip
THROW = (
    '(throw|toss|chuck|put) {w} (away|out)', '(throw|toss) (away|out) {w}', 'throw {w} in {p}',
    '(discard|dump|recycle|compost|scrap|junk|eliminate|remove) {w}', '(recycle|compost|discard) {w}',
    '(dispose of|do away with) {w}', '(put|place|drop|toss|throw|dump|chuck) {w} (in|into|inside) {p}',
    '(take|carry|bring|move) {w} to {p}', 'throw {w} in the recycling', 'put {w} where rubbish goes',
    'clear away {w}', '{w} is for the (compost|recycling|rubbish heap)', 'i want {w} (composted|recycled|thrown out)',
    '{w} can go (to the compost|to the rubbish|to waste)', 'see that {w} gets (recycled|composted|dumped)',
    'put {w} on the compost', 'put {w} out with the rubbish',
)  # fmt: skip
THROW_WISHES = (
    '{w} (is|has become) (garbage|trash|rubbish|waste)', '{w} (belongs|goes|should go|must go) in {p}',
    '{w} (can|should|must|has to) be thrown (away|out)', "i (don't|do not) need {w} any more, throw {it} out",
    "i('m| am) (done|finished) with {w}, (toss|throw) {it} (away|out)", 'nobody wants {w} any more, dump {it}',
    'i want {w} in {p}', '{w} to {p}',
)  # fmt: skip
INTO_DRAWER = (
    '(put|place|store|stash|tuck|lay|drop|keep|stow) {w} (in|into|inside) {p}', '{w} (goes|belongs) (in|inside) {p}',
    'i want {w} (in|inside) {p}', 'open {p} and put {w} (in|inside)', 'open {p}, put {w} in', 'stow {w} away in {p}',
    '(lock|shut|tidy) {w} away in {p}', '(slip|slide|pop|file|pack) {w} (in|into|inside) {p}',
    'keep {w} (safe|out of sight) in {p}',
    'make {w} (disappear|vanish) (in|into) {p}', 'conceal {w} in {p}', '{p} is where {w} goes',
    'let nobody see {w}, {p} is the place for {it}',
)  # fmt: skip
STRUCTURED_TAKE = (
    '(pick up|take|grab|lift|collect|get|fetch|find) {w}', '(pick|lift) {w} up', 'get {w} in your hand',
    '(pick up|take|grab|get|collect) {w} from {q}',
    '(go|move|drive) to {q}(, | and |, then )(take|grab|pick up|get) {w}',
    'find {w}(, | and )(pick {it} up|take {it}|grab {it})', 'from {q} (take|pick up|grab) {w}',
)  # fmt: skip
STRUCTURED_LINK = (' and ', ' and then ', ', then ', ', ', '; ', '. then ', ', and ', ' before you ')
STRUCTURED_PUT = {
    'user': ('(bring|hand|give|carry|take) {it} to me', 'bring {it} here', 'hand {it} over',
    'come to me and give {it} to me',
             'give me {it}', 'deliver {it} to me', 'drive to me, put {it} down'),
    'trash': ('(throw|toss) {it} (away|out|in {p})', '(drop|put|place|dump|move) {it} (in|into) {p}',
              '(take|bring|carry|move) {it} to {p}', 'dispose of {it}', 'go to {p}, put {it} down'),
    'drawer': ('(put|place|lay|drop) {it} (in|into|inside) {p}',),
    '': ('(put|place|set|drop|leave|lay|move) {it} (on|onto|at) {p}', '(carry|bring|take|move) {it} (to|over to) {p}',
         '(go|drive|move) to {p}(, | and )(put|set) {it} down( there|)', 'put {it} down (on|at) {p}',
         'drop {it} off at {p}'),
}  # fmt: skip
PICK = (
    '(pick up|take|grab|grasp|get hold of|seize|hold|pick) {w}', '(pick|lift) {w} up', 'have {w} in your hand',
    'close your (hand|fingers) around {w}', 'get {w} into your (gripper|hand)', 'lift up {w}',
    'hold {w} in your hand',
)  # fmt: skip
FIND = (
    '(find|look for|seek|go to|spot) {w}', 'go (and |)(find|look for) {w}', 'show me where {w} is', 'drive to {w}',
    'go to where {w} (is|stands)', 'where is {w}', 'stand in front of {w}', 'track down {w}', 'hunt for {w}',
    'discover where {w} is',
)  # fmt: skip
GO = (
    '(go|move|drive|navigate|roll|travel|walk|proceed|get) (|over )to {p}', '(stand|wait|stop) (at|by|next to) {p}',
    'be at {p}', 'approach {p}', 'go and stand at {p}', 'position yourself at {p}', 'visit {p}', 'i want you at {p}',
)  # fmt: skip
COME = (
    'come (here|to me|over|back|closer|back to me)', '(return|drive|go|move|get back) to me',
    'come and stand (here|next to me)',
    'i need you next to me', 'join me', 'get over to me', 'approach me',
)  # fmt: skip
LET_GO = (
    '(put|set|lay) ({h}|that|it) down', '(drop|let go of|leave) ({h}|it|that) (here|)',
    'put down ({h}|what you hold)',
    'open your (hand|gripper|fingers)', 'release (your grip|it|what you have)', 'empty your hand', 'let it go',
    'free your hand', 'put ({h}|it) on (this|that) spot', 'let {h} (go|drop|slip)', 'loosen your grip on {h}',
    'stop holding {h}', 'ungrip {h}', '(set|lay|put|leave) {h} (where you are|where you stand|on the spot)',
    '(relinquish|unhand|drop off) {h} (here|now|)', 'you can let {h} go now',
)  # fmt: skip
GIVE = (
    '(give|hand|pass|bring) me ({h}|that|what you (hold|are holding|carry))', '(bring|give|hand) ({h}|it) to me',
    'i will take ({h}|it|what you hold)', 'can i have ({h}|that|what you are holding)', 'hand ({h}|it) over to me',
    'let me have (what you are carrying|what you hold|the thing between your fingers|{h})',
    'pass (what you are holding|what your gripper holds|whatever you hold) (to me|over)',
    'what you (hold|carry) is for me', 'i need ({h}|what you hold) (here|at my place|next to me)',
    'hand (me |)over (what you hold|what you carry|what is in your hand) to me', '({h}|that) is for me, bring it',
)  # fmt: skip
OPEN = ('open (|up )the drawer', '(slide|get) the drawer open', 'i need (the drawer open|the drawer to be open)',
        'make sure the drawer is open', 'go open the drawer', 'pull the drawer out', 'drawer open',
        'the drawer (should|must) be open', 'the drawer is closed, open it', 'i have to look into the drawer',
        'do not leave the drawer closed', 'draw the drawer out')  # fmt: skip
CLOSE = ('close (|up )the drawer', '(push|slide) the drawer (shut|closed|in)',
 'make sure the drawer is (closed|shut)',
         'i want the drawer closed', 'go close the drawer', 'drawer closed', 'shut the drawer',
         'get the drawer shut', 'the drawer (should|must) be (shut|closed)', 'the drawer is open, (close|shut) it',
         'do not leave the drawer open', 'slam the drawer', 'push the drawer back in', 'the drawer has to be shut',
         'the open drawer bothers me')  # fmt: skip
AND_CLOSE = (
    ' and (close|shut) (it|the drawer)( again|)',
    ', then (close|shut) (it|the drawer)',
    '. close it after that',
)
USED_UP = (
    'i (drank|finished|emptied) (my|the) {h}(. |, )(throw {it} away|can you throw {it} away|please dump {it})',
    'the {h} is (empty|stale|rotten|expired|spoiled|off|leaking|broken)',
    '(my|the) {h} (tastes|smells) (bad|awful)(. throw {it} away|)',
    'i dropped the {h} on the floor, throw {it} away',
    'i will not (eat|drink|use) the {h}, (recycle|discard|toss) {it}',
    'the {h} is (too old|past its date)( and should go|, get rid of {it}|)',
    'nobody should touch the {h}, it is spoiled',
    'i (drank up|finished|emptied) (my|the) {h}(. |, )(can|could|will) you (deal with|see to|clear away|remove) '
    'the (rest|empty one|leftovers)',
    '(my|the) {h} is (empty now|used up|all gone), (deal with it|see to it|clear it up|you know where it goes)',
    'there is nothing left of (my|the) {h}(, clear it up|)',
    'the {h} (turned bad|grew mould|smells rotten|is not fresh any more)',
    'the {h} on {q} is (rotten|mouldy|spoiled|stale)',
)  # fmt: skip
MISPLACED = (
    '(someone|somebody|my friend) (put|forgot|dropped) the {h} on {q}, (it|they) (belongs|should be) on {p}',
    'the {h} (does not belong|should not be) on {q}, (move|bring|put) {it} to {p}',
    'why is the {h} on {q}? (put|bring) {it} to {p}',
    'i (changed my mind|do not want the {h} any more)(, |. )(put|bring|return) the {h} (back |)(to|on) {p}',
    'the {h} is (in the way|in the wrong place). its place is {p}',
    'there is no {n} on {p}, (bring one there|can you change that)',
    '{p} (ran out of|has no) {n}, (restock it|please refill|bring some)',
    'i took the {h} by mistake, return {it} to {p}',
    'tomorrow we need the {h} on {p}', 'i am (tidying|cleaning) {q}, so take the {h} to {p}',
    '{q} is too full, move the {h} to {p}',
)  # fmt: skip
NONSENSE = (
    'what is the weather like', 'sing a song', 'tell me a joke', 'who are you', 'asdf ghjk', 'bring me a hammer',
    'give me the screwdriver', 'wash my car', 'call my mother', 'open the window', 'cook dinner', 'bake a cake',
    'peel the potatoes',
    'put the plate in the dishwasher', 'bring me the newspaper', 'turn on the light', 'go to the bedroom',
    'drive to the garage',
    'fetch my shoes', 'get me a sandwich', 'pour me a glass of milk', 'make coffee', 'what time is it', 'blah blah',
    'close the door',
    'switch off the oven', 'water the plants', 'play some music', 'feed the cat', 'bring me the pillow',
    'go to the bathroom',
    'take out the red block', 'put the hammer on the table', 'bring me a pizza', 'get me the milk',
    'where is my phone', 'dance',
    'throw away the newspaper', 'put the cup on the far counter', 'bring me a beer', 'go upstairs', 'i love you',
    'jump',
    'move the chair to the table', 'give me an umbrella', 'find my keys', 'do my homework', 'buy more soda',
    'qwerty uiop',
)  # fmt: skip
