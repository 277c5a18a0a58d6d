"""The text of the shipped detector's card; figures come from ``training.json`` and ``owlvit_measure``."""

CARD = """# OWL-ViT for blocks and bowls

A small open-vocabulary detector in the stock `OwlViTForObjectDetection` format (half precision,
safetensors): picture 320 x 320 squashed, 16 px patches, 4 layers of 192; text 2 layers of 128, 16 tokens,
own byte-pair vocabulary; 2.3 M parameters. Trained here from nothing, on renderings of this package's
simulator; no outside data.

**It knows** 11 colours of blocks (cube, box, brick) and bowls (dish, basin), with articles and "photo of a
...". **It does not know** other things: it was taught that they are absent, so unknown nouns score low. It
has seen one look: this table, this arm, plain colours, moderate light, cameras near the two of the
simulator. For other worlds name a public checkpoint such as `google/owlv2-base-patch16-ensemble`; the code
is the same.

## Figures
{pictures} pictures of {scenes} held-out tables ({split} stream: own seeds, the default jitter of a
scenario), both cameras, {objects} objects; all 22 phrases asked of every picture; threshold {threshold},
chosen on the validation tables.

| what | value |
| --- | --- |
| AP50, mean over the 22 phrases | {ap50:.3f} |
| AP75 | {ap75:.3f} |
| recall / precision at the threshold | {recall:.3f} / {precision:.3f} |
| recall with other words ("a photo of a grey cube") | {recall_reworded:.3f} |
| false alarms, absent phrases asked together ({absent_queries} queries) | {false_alarms_together:.4f} |
| false alarms, each absent phrase asked alone | {false_alarms_alone:.4f} |
| false alarms, unknown nouns ({unknown_noun_queries} queries) | {false_alarms_unknown_nouns:.4f} |

![curves](curves.png)

![detections](example.png)

Position of true detections after lifting with the simulator's depth:

| group | n | median error | below 15 mm |
| --- | --- | --- | --- |
{places}

AP50 by phrase:

| phrase | AP50 |
| --- | --- |
{rows}

Objects of which fewer than 40 of the 640 x 480 pixels show count neither as found nor as missed. In a fifth
of the tables the arm stands anywhere, in two fifths it works over the table, so many objects are half
hidden.

{queries}
## Recipe
{views} tables rendered in grey and cut into layers, coloured anew at every visit; {pictures_seen} picture
visits in {steps} steps of {processes} x {batch}, {minutes:.0f} minutes of wall clock on two shared CPU
cores; seed {seed}. Only {tokens} of 400 tokens per picture were looked at (all those of objects, then the
busiest), all of them in the last {full_share:.0%} of the time. Quality focal loss on every token and about
42 phrases a step, a quarter of which name absent things; Muon {matrix_rate} for the encoder's matrices,
AdamW {rate} for the rest; running average of the weights. Reasons: `vlm_robot/training/owlvit*.py`.

    vlm-robot train owlvit --out runs/owlvit --minutes 75     # again from nothing
    vlm-robot measure owlvit --scenes {scenes}                      # these figures
"""

QUERIES = """## Other ways to ask
{pictures} held-out pictures of the shared generator (half of them in few colours, a quarter from further off than any
training picture); for each way of asking the 22 kinds of things of every picture, the same pictures and the same
detector. An example is a thing of that kind on another held-out table. `example_map.safetensors` takes vectors of
pictures to those of texts; without it nearly everything looks like the example.

| query | AP50 | recall | false alarms | score with 0.5 % alarms |
| --- | --- | --- | --- | --- |
{rows}

The least score of an answer is {example_threshold} for examples (chosen on validation pictures) and that of the words
for words. Wordings that training knew gain nothing by being averaged; of wordings that it never saw, five averaged rank
things nearly as well as the plain words (their scores stay lower), one alone does not.

    vlm-robot train example-map                           # fits the map again, on training pictures
    vlm-robot measure owlvit --one-shot --scenes {pictures}     # these figures
"""


def tell_queries(measured: dict | None) -> str:
    """Return the part of the card about example pictures and wordings; empty where they were not measured."""
    if not measured:
        return ''
    rows = [
        f'| {name} | {w["ap50"]:.3f} | {w["recall"]:.3f} | {w["false_alarms"]:.4f} | '
        f'{w["score_at_half_percent_alarms"]:.2f} |'
        for name, w in measured['ways'].items()
    ]
    return QUERIES.format(rows='\n'.join(rows), **{k: measured[k] for k in ('pictures', 'example_threshold')})
