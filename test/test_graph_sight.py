"""The nodes of full sight in their own processes over real DDS, with the shipped checkpoints and a simulated table."""

from __future__ import annotations

from pathlib import Path
import time

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from vlm_robot.nodes import pixels, sight_conversions  # noqa: E402
from vlm_robot.nodes.graph import Graph, GraphConfig, SIGHT  # noqa: E402
from vlm_robot.nodes.liveness import reliable_qos, subscribe_for_a_while  # noqa: E402
from vlm_robot.vocabulary import list_labels  # noqa: E402
from vlm_robot_interfaces import msg as msgs  # noqa: E402
from vlm_robot_interfaces import srv as srvs  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(900)]
CHECKPOINTS = Path(__file__).resolve().parents[1] / 'vlm_robot' / 'checkpoints'
PARTS = {
    'segmenter': {'segmenter': ('clipseg',)},
    'grounder': {'grounder': ('pixel_llm',), 'segmenter': ('clipseg',)},
    'describer': {'describer': ('owlvit', 'clip'), 'answerer': ('vilt',), 'embedder': ('clip',)},
}


def has(*names):
    return all((CHECKPOINTS / name).is_dir() for name in names)


def need(*names):
    """Skip only where a checkpoint does not come with the package at all."""
    missing = [name for name in names if not has(name)]
    if missing:
        pytest.skip(f'no checkpoint {missing} comes with this package')


class Viewer:
    """Calls the services of sight and listens to its topics."""

    def __init__(self, domain):
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node('viewer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def wait(self, is_true, timeout=300.0):
        deadline = time.monotonic() + timeout
        while not is_true() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.1)
        return is_true()

    def call(self, kind, name, **fields):
        service = self.node.create_client(kind, name)
        assert self.wait(service.service_is_ready), f'no service {name}'
        answer = service.call_async(kind.Request(**fields))
        assert self.wait(answer.done), f'{name} did not answer'
        return answer.result()

    def hear(self, kind, topic, is_enough=lambda message: True):
        heard = []
        subscription = subscribe_for_a_while(self.node, kind, topic, heard.append, reliable_qos(5))
        assert self.wait(lambda: any(map(is_enough, heard))), f'nothing fitting on {topic}'
        self.node.destroy_subscription(subscription)
        return next(filter(is_enough, heard))

    def close(self):
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture(scope='module')
def viewer(tmp_path_factory):
    """Start simulator, detector and all nodes of sight, each with the parts whose checkpoints are there."""
    nodes = ['sim', 'detector', 'annotator', *(['segmenter'] if has('clipseg') else []), 'grounder', 'describer']
    chosen = {node: [part for part, names in PARTS[node].items() if has(*names)] or [''] for node in PARTS}
    parameters = {node: {'parts': chosen[node]} for node in ('grounder', 'describer')}
    parameters['sim'] = {'scenario': 'blocks_and_bowls', 'seed': 11}
    graph = Graph(GraphConfig(tmp_path_factory.mktemp('sight'), nodes, parameters=parameters))
    with graph:
        viewer = Viewer(graph.domain)
        assert viewer.wait(lambda: graph.check() or viewer.node.count_publishers('detections'))
        viewer.hear(Image, 'front/image')
        yield viewer
        graph.check()
        viewer.close()
        codes = graph.stop()
        assert set(codes.values()) == {0}, {
            name: (code, graph.log_of(name).read_text()[-3000:]) for name, code in codes.items() if code
        }


@pytest.fixture(scope='module')
def truth(viewer):
    """Return the labels of what lies on the simulated table."""
    return set(viewer.call(srvs.GetWorldState, 'get_world_state').labels)


def ask_until_ready(viewer, kind, name, **fields):
    """Call a service until its node has loaded its models and seen an image."""
    answers = []

    def is_ready():
        answers.append(viewer.call(kind, name, **fields))
        return answers[-1].success or not any(
            words in answers[-1].message for words in ('configure the node', 'not active', 'has come yet')
        )

    assert viewer.wait(is_ready), answers[-1].message
    return answers[-1]


def test_full_sight_names_nodes_that_exist():
    assert set(PARTS) == set(SIGHT['full'])


def test_what_lies_on_the_table_has_masks_and_what_does_not_has_none(viewer, truth):
    need('clipseg')
    queries = list_labels()
    answer = ask_until_ready(viewer, srvs.SegmentImage, 'segment_image', queries=queries, camera='front')
    assert answer.success, answer.message
    found = {item.label for item in answer.segmentation.detections}
    assert len(found & truth) >= 0.6 * len(truth) and len(found - truth) <= 2
    first = answer.segmentation.detections[0]
    assert sight_conversions.from_mask(first.mask).any() and first.mask.width == 640


def test_masks_and_boxes_are_drawn_for_whoever_looks(viewer):
    need('clipseg')
    labels = viewer.hear(Image, 'masks/labels', lambda image: max(image.data))
    assert (labels.width, labels.height, labels.encoding) == (640, 480, 'mono8')
    drawn = pixels.from_colour(viewer.hear(Image, 'front/annotated'))
    assert drawn.shape[1] == 640 and drawn.std() > 5


def test_phrases_are_grounded_with_masks_and_regions_captioned(viewer, truth):
    need('pixel_llm', 'clipseg')
    phrase = f'the {sorted(truth)[0]}'
    answer = ask_until_ready(viewer, srvs.GroundPhrase, 'ground_phrase', phrase=phrase, with_mask=True)
    assert answer.success and all(item.has_mask for item in answer.detections.detections)
    dense = viewer.call(srvs.CaptionRegion, 'caption_region', dense=True)
    assert dense.success and all(caption.has_region for caption in dense.captions)
    told = viewer.hear(msgs.CaptionArray, 'captions')
    assert told.camera in ('front', 'top') and len(told.captions) == 1


def test_the_table_is_described_and_questions_are_answered(viewer, truth):
    need('clip', 'vilt', 'owlvit')
    answer = ask_until_ready(viewer, srvs.DescribeImage, 'describe_image', camera='front')
    assert answer.success, answer.message
    text = answer.description.text
    assert sum(label in text for label in truth) >= 0.6 * len(truth)
    asked = viewer.call(srvs.AskScene, 'ask_scene', question=f'is there a {sorted(truth)[0]}?')
    assert asked.success and asked.answer and 0 <= asked.confidence <= 1


def test_regions_are_classified_and_views_remembered(viewer, truth):
    need('clip')
    labels = ['a red block', 'a blue bowl']
    answer = ask_until_ready(viewer, srvs.ClassifyImage, 'classify_image', labels=labels)
    assert answer.success and sum(answer.probabilities) == pytest.approx(1, abs=1e-3)
    views = []

    def is_remembered():
        found = viewer.call(srvs.RetrieveViews, 'retrieve_views', text=sorted(truth)[0])
        views[:] = found.views
        return found.success and any(view.label for view in views)

    assert viewer.wait(is_remembered)
    assert np.isfinite([view.score for view in views]).all() and {view.camera for view in views} <= {'front', 'top'}
