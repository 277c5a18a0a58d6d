"""
How people say what the kitchen robot shall do: alternatives in brackets, written for training by hand.

``(a|b)`` is one of a or b; ``{w}`` is a thing, ``{p}`` a place, ``{q}`` where the thing is now, ``{it}`` its
pronoun. The evaluation's own sentences are kept out by kitchen_separation.py.
"""

from __future__ import annotations

THING_WORDS = {
    'apple': ('apple', 'red fruit'),
    'orange': ('orange',),
    'banana': ('banana', 'long yellow fruit'),
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
    'energy bar': ('energy bar', 'bar', 'snack bar', 'protein bar'),
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
# attributes that must all hold (a leading '-' must not) -> what such a thing is called, with its article
KINDS_OF_THINGS = (
    (('fruit',), ('a fruit', 'some fruit', 'a fresh fruit', 'something fruity', 'a fruit of your choice',
     'any fruit')),
    (('fruit', 'citrus'), ('a citrus', 'something citrusy', 'an orange coloured fruit', 'a fruit full of vitamin c')),
    (('fruit', '-round'), ('the yellow thing to eat', 'a long fruit', 'a fruit that is yellow',
     'the fruit monkeys like')),
    (('soda',), ('a soda', 'a soft drink', 'a fizzy drink', 'a pop', 'some soda', 'something fizzy',
     'a carbonated drink',
                 'any soda', 'a can of soda')),
    (('soda', 'caffeine'), ('a cola drink', 'a soda with caffeine', 'a caffeinated soda', 'a cola, any brand')),
    (('soda', 'lemon'), ('a lemon drink', 'something that tastes of lemon', 'a lemon flavoured soda')),
    (('soda', 'lime'), ('a lime flavoured drink', 'something with lime', 'a lime flavored soda')),
    (('soda', 'grapefruit'), ('something with grapefruit', 'a grapefruit flavoured drink')),
    (('soda', '-caffeine'), ('a caffeine free soda', 'a soda without caffeine', 'a soda that has no caffeine')),
    (('drink',), ('a drink', 'a beverage', 'something to drink', 'some drink', 'any drink', 'a refreshment',
                  'something i can drink', 'a cold drink', 'a thing to drink')),
    (('drink', 'caffeine'), ('a drink with caffeine', 'something with caffeine', 'a caffeinated drink',
                             'something caffeinated', 'a drink that wakes me up', 'something to keep me awake')),
    (('drink', '-caffeine'), ('a drink without caffeine', 'a caffeine free drink',
     'something to drink without caffeine',
                              'a decaffeinated beverage', 'a drink that has no caffeine', 'a non caffeinated drink')),
    (('drink', 'energy'), ('a drink that gives energy', 'something energizing to drink', 'an energising beverage')),
    (('drink', '-soda'), ('a drink that is not a soda', 'a drink, but no soda', 'something to drink that is not soda',
                          'a beverage without bubbles', 'a non fizzy drink')),
    (('drink', 'healthy'), ('a healthy drink', 'something healthy to drink', 'a drink without sugar',
                            'a sugar free drink', 'something to drink without any sugar',
                            'a beverage that is healthy',
                            'just water', 'a drink that is good for you')),
    (('drink', 'bottle'), ('a bottle', 'a drink in a bottle', 'a bottled drink')),
    (('can',), ('a can', 'a drink in a can', 'a canned drink', 'any can')),
    (('chips',), ('a bag of chips', 'some chips', 'chips', 'a pack of crisps', 'some crisps', 'any chips',
     'potato chips or so',
                  'something crunchy', 'something salty', 'a salty snack', 'something salty to munch')),
    (('chips', 'spicy'), ('spicy chips', 'a spicy snack', 'something spicy', 'the chips that burn',
     'the spiciest chips',
                          'something with chili', 'hot chips')),
    (('chips', '-spicy'), ('chips that are not spicy', 'mild chips', 'some chips, but not spicy ones')),
    (('chips', 'grain'), ('chips made of grains', 'grain chips', 'the chips with several grains',
     'wholegrain chips')),
    (('chips', 'rice'), ('chips made of rice', 'rice based chips')),
    (('snack',), ('a snack', 'something to snack on', 'some snack', 'any snack', 'a little snack',
     'something to munch on')),
    (('snack', '-chips'), ('a snack that is no bag of chips', 'a snack other than chips', 'a snack, but not chips',
                           'a snack that does not come in a bag', 'a sweet snack', 'something sweet to snack on')),
    (('food',), ('something to eat', 'some food', 'food', 'something i can eat', 'a bite to eat', 'anything edible')),
    (('food', 'healthy'), ('something healthy to eat', 'a healthy snack', 'healthy food', 'a healthy bite',
                           'something with vitamins', 'food that is good for you', 'a healthy treat')),
    (('food', '-fruit'), ('something to eat that is not a fruit', 'food, but no fruit')),
    (('food', 'sweet'), ('something sweet to eat', 'a sweet treat')),
    (('bar',), ('something with protein', 'a granola bar', 'a chewy snack')),
    (('cleaning',), ('something to clean with', 'a cleaning tool', 'something to wipe with', 'something to clean up',
                     'a thing for cleaning', 'the thing to scrub pots', 'a thing for doing the dishes',
                     'something to soak up water', 'something that absorbs liquid', 'something to wipe the table')),
    (('-fruit',), ('something that is not a fruit', 'something that is no fruit', 'anything but fruit')),
    (('-drink',), ('something that is not a drink', 'anything but a drink', 'something that i cannot drink')),
    (('-food',), ('something that is not food', 'something you cannot eat')),
)  # fmt: skip
# nouns of sets: 'all the fruits', 'every can', 'two sodas'
PLURALS = {
    'fruit': ('fruits', 'fruit', 'pieces of fruit'),
    'soda': ('sodas', 'soft drinks', 'fizzy drinks'),
    'drink': ('drinks', 'beverages', 'things to drink'),
    'chips': ('bags of chips', 'chips', 'packs of chips'),
    'snack': ('snacks', 'things to snack on'),
    'can': ('cans', 'soda cans'),
    'bottle': ('bottles',),
    'food': ('foods', 'things to eat', 'food'),
}
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
    'clear away {w}',
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
    'go to where {w} (is|stands)', 'where is {w}', 'stand in front of {w}', 'discover where {w} is',
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
    'free your hand', 'put ({h}|it) on (this|that) spot',
)  # fmt: skip
GIVE = (
    '(give|hand|pass|bring) me ({h}|that|what you (hold|are holding|carry))', '(bring|give|hand) ({h}|it) to me',
    'i will take ({h}|it|what you hold)', 'can i have ({h}|that|what you are holding)', 'hand ({h}|it) over to me',
)  # fmt: skip
OPEN = ('open (|up )the drawer', '(slide|get) the drawer open', 'i need (the drawer open|the drawer to be open)',
        'make sure the drawer is open', 'go open the drawer', 'pull the drawer out', 'drawer open')  # fmt: skip
CLOSE = ('close (|up )the drawer', '(push|slide) the drawer (shut|closed|in)',
 'make sure the drawer is (closed|shut)',
         'i want the drawer closed', 'go close the drawer', 'drawer closed', 'shut the drawer')  # fmt: skip
AND_CLOSE = (
    ' and (close|shut) (it|the drawer)( again|)',
    ', then (close|shut) (it|the drawer)',
    '. close it after that',
)
# lead and question of a situation -> the kind of thing that helps
NEEDS = (
    (('cleaning',),
     ('i (spilled|spilt) (my|some|the) (drink|coke|soda|water|tea|pepsi|juice)( on the (table|counter)| everywhere|)',
      'there is (a mess|a stain|a puddle|water) on (the table|the counter|the floor)',
      'the (table|counter) is (dirty|sticky|wet)',
      'oops, i made a mess', 'my (soda|coke|drink) (tipped over|fell over)', 'there are crumbs on the table',
      'something leaked (on|over) the counter', 'i have to do the dishes', 'my glass fell and the water ran out'),
     ('bring me something to (clean|wipe|clean it up|wipe it up)', 'can you help me (clean up|clean it|wipe it up)',
      'how would you help me', 'i need something to wipe it', 'what can you do about it', 'can you (help|help me)',
      '',
      'could you bring me something to clean it up with')),
    (('drink', 'caffeine'),
     ("i('m| am) (so |very |really |a bit |)(tired|exhausted|drowsy)", 'i (barely|hardly) slept last night',
      'i keep falling asleep', 'i have to stay awake', 'i cannot keep my eyes open', 'i worked all night'),
     ('bring me something to (wake me up|keep me awake|perk me up)', 'i need some caffeine',
      'a drink with caffeine please',
      'get me something to drink that wakes me up', 'i want a caffeinated drink')),
    (('drink', 'healthy'),
     ('i (just |)(worked out|exercised|went running|finished my run|did sports)', 'i am on a diet',
      'i should not have any sugar',
      'my doctor told me to avoid sugar', 'i have a headache and feel dried out', 'i try to live without sugar',
      'i am sweating after my workout'),
     ('bring me a healthy drink', 'can you get me something healthy to drink', 'i need a drink without sugar',
      'what can i drink', 'i am thirsty', 'bring me something good to drink',
      'a drink that is good for me would help',
      'give me something to recover')),
    (('drink',),
     ("i('m| am) (so |very |really |)thirsty", 'it is (so |)hot (today|in here)', 'i have not drunk anything today',
      'my mouth is dry'),
     ('bring me something to drink', 'can you help', 'get me a drink', 'i could use a beverage', '')),
    (('food', 'healthy'),
     ('i missed (lunch|dinner)', 'i want to eat (healthily|better)', 'i need vitamins', 'i am hungry but on a diet',
      'i eat far too much junk'),
     ('bring me something healthy', 'get me a healthy snack', 'what healthy food can you bring me',
      'i want a healthy bite',
      'something healthy to eat please')),
    (('food',),
     ("i('m| am) (so |very |really |)(hungry|starving)", 'my stomach is (growling|empty)',
      'i have not eaten anything'),
     ('bring me something to eat', 'can you help', 'get me some food', 'i need a bite', '')),
    (('snack',),
     ('we are going to watch a movie', 'i am a bit peckish', 'dinner is still far away', 'i have guests'),
     ('bring me a snack', 'we want something to snack on', 'can you get us a snack')),
    (('chips', 'spicy'),
     ('i like (it spicy|spicy food|chili)', 'the spicier the better', 'i can take a lot of chili'),
     ('bring me the right chips', 'which chips are for me', 'get me chips that i will like',
      'give me a bag of chips')),
    (('chips', '-spicy'),
     ('i cannot eat spicy food', 'spicy things make me cry', 'i hate chili'),
     ('bring me some chips', 'which chips can i have', 'get me a bag of chips')),
    (('soda',),
     ('my friend likes fizzy drinks', 'i want bubbles', 'water is boring'),
     ('bring a soda', 'get me a soda', 'a soft drink please')),
    (('drink', '-caffeine'),
     ('i cannot sleep when i have caffeine', 'it is late and i want to sleep soon', 'caffeine makes me nervous'),
     ('bring me something to drink', 'what can i drink', 'get me a drink without it')),
)  # fmt: skip
USED_UP = (
    'i (drank|finished|emptied) (my|the) {h}(. |, )(throw {it} away|can you throw {it} away|please dump {it})',
    'the {h} is (empty|stale|rotten|expired|spoiled|off|leaking|broken)',
    '(my|the) {h} (tastes|smells) (bad|awful)(. throw {it} away|)',
    'i dropped the {h} on the floor, throw {it} away',
    'i will not (eat|drink|use) the {h}, (recycle|discard|toss) {it}',
    'the {h} is (too old|past its date)( and should go|, get rid of {it}|)',
    'nobody should touch the {h}, it is spoiled',
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
