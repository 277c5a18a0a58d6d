"""The nodes of sight over DDS with fakes for the models: topics, services, what they load and what they refuse."""

from __future__ import annotations

from dataclasses import replace
import threading
import time

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
pytest.importorskip('vlm_robot_interfaces.msg', reason='vlm_robot_interfaces is not built')

from sensor_msgs.msg import Image  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from vlm_robot import datatypes as d  # noqa: E402
from vlm_robot.errors import ConfigError, ModelError, PerceptionError  # noqa: E402
from vlm_robot.nodes import conversions, pixels, sight_conversions  # noqa: E402
from vlm_robot.nodes.annotator_node import AnnotatorNode, AnnotatorNodeConfig  # noqa: E402
from vlm_robot.nodes.camera_watch import CameraWatch, WatchConfig  # noqa: E402
from vlm_robot.nodes.describer_node import DescriberNode, DescriberNodeConfig  # noqa: E402
from vlm_robot.nodes.grounder_node import GrounderNode, GrounderNodeConfig  # noqa: E402
from vlm_robot.nodes.liveness import alive_qos, reliable_qos, subscribe_for_a_while  # noqa: E402
from vlm_robot.nodes.pool_executor import MultiThreadedExecutor  # noqa: E402
from vlm_robot.nodes.segmenter_node import SegmenterNode  # noqa: E402
from vlm_robot.nodes.witness import wait_until  # noqa: E402
from vlm_robot.perception.fixed_sight import (  # noqa: E402
    FixedAnswerer,
    FixedDescriber,
    FixedEmbedder,
    FixedGrounder,
    FixedSegmenter,
)
from vlm_robot.scene.memory import MemoryConfig, SceneMemory  # noqa: E402
from vlm_robot_interfaces import msg as msgs  # noqa: E402
from vlm_robot_interfaces import srv as srvs  # noqa: E402

pytestmark = [pytest.mark.filterwarnings('ignore:module .sre_:DeprecationWarning'), pytest.mark.timeout(120)]
BOX = (20, 10, 60, 50)
PICTURE = np.random.default_rng(3).integers(0, 255, (90, 120, 3), dtype=np.uint8)
FAR = {'has_region': True, 'x_min_px': 500.0, 'y_min_px': 0.0, 'x_max_px': 600.0, 'y_max_px': 9.0}
NEAR = {'has_region': True, 'x_min_px': 30.0, 'y_min_px': 20.0, 'x_max_px': 200.0, 'y_max_px': 40.0}


class FakeSegmenterNode(SegmenterNode):
    def load(self):
        return {'segmenter': FixedSegmenter({'red block': BOX, '': BOX}, score=0.75)}


class FakeGrounderNode(GrounderNode):
    def load(self):
        return {'grounder': FixedGrounder({'red block': [BOX]})} if self.config.parts else {}


class FakeDescriberNode(DescriberNode):
    def load(self):
        lines = (d.DescriptionLine('object', 'red block', 0.5, BOX), d.DescriptionLine('count', '1 block', 0.25))
        fakes = {
            'describer': FixedDescriber(d.Description(lines)),
            'answerer': FixedAnswerer({'how many blocks are there?': '1'}),
            'embedder': FixedEmbedder({'red': (255, 0, 0), 'green': (0, 255, 0)}),
        }
        return {part: fake for part, fake in fakes.items() if part in self.config.parts}


class Stage:
    """All nodes in one process and a client that sends pictures, calls services and listens."""

    def __init__(self):
        self.client = rclpy.create_node('sight_client')
        self.segmenter, self.grounder, self.annotator = FakeSegmenterNode(), FakeGrounderNode(), AnnotatorNode()
        self.describer = FakeDescriberNode()
        self.nodes = (self.segmenter, self.grounder, self.describer, self.annotator)
        for node in self.nodes[:3]:
            node.trigger_configure()
            node.trigger_activate()
        self.camera = self.client.create_publisher(Image, 'front/image', reliable_qos(1))
        self.executor = MultiThreadedExecutor(6)
        for node in (self.client, *self.nodes):
            self.executor.add_node(node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def call(self, kind, name, **fields):
        service = self.client.create_client(kind, name)
        assert service.wait_for_service(20)
        answer = service.call_async(kind.Request(**fields))
        assert wait_until(answer.done, 20), f'{name} did not answer'
        return answer.result()

    def show(self, stamp=1.0):
        self.camera.publish(pixels.to_image(PICTURE, 'rgb8', conversions.to_header(stamp, 'front_optical_frame')))

    def hear(self, kind, topic, is_enough=lambda message: True):
        """Send pictures with growing stamps until something fitting is heard; return it."""
        heard, stamps = [], iter(range(1, 10_000))
        subscription = subscribe_for_a_while(self.client, kind, topic, heard.append, reliable_qos(5))
        try:
            found = lambda: next(filter(is_enough, list(heard)), None)  # noqa: E731
            assert wait_until(lambda: found() or self.show(time.time() + next(stamps)), 60, 0.1), f'no {topic}'
            return found()
        finally:
            self.client.destroy_subscription(subscription)

    def close(self):
        for node in self.nodes:
            getattr(node, 'close', lambda: None)()
        self.executor.shutdown()
        self.thread.join(10)


def image_of(picture=PICTURE):
    return pixels.to_image(picture, 'rgb8', conversions.to_header(7.0, 'somewhere'))


@pytest.fixture(scope='module')
def stage():
    rclpy.init(domain_id=96)
    stage = Stage()
    yield stage
    stage.close()
    rclpy.try_shutdown()


def test_masks_go_out_while_somebody_listens(stage):
    assert wait_until(lambda: not stage.segmenter.is_wanted(), 30)
    message = stage.hear(msgs.Segmentation, 'masks')
    (seen,) = sight_conversions.from_segmentation(message)
    assert seen.label == 'red block' and conversions.from_detection(message.detections[0]).box_xyxy_px == BOX
    assert seen.mask.shape == PICTURE.shape[:2] and seen.mask.sum() == 40 * 40 and seen.mask[10:50, 20:60].all()
    assert message.camera == 'front' and message.header.frame_id == 'front_optical_frame'
    assert len(message.queries) == len(message.scores) > 1 and len(message.detections) == 1
    assert stage.hear(Image, 'masks/labels').encoding == 'mono8'


def test_an_image_is_segmented_by_words_and_by_a_box(stage):
    answer = stage.call(srvs.SegmentImage, 'segment_image', image=image_of(), queries=['red block', 'blue bowl'])
    assert answer.success and list(answer.segmentation.queries) == ['red block', 'blue bowl']
    assert sight_conversions.from_mask(answer.segmentation.detections[0].mask).sum() == 1600
    assert answer.segmentation.header.stamp.sec == 7


@pytest.mark.parametrize(
    ('fields', 'why'),
    [
        ({'image': image_of()}, 'nothing to segment'),
        ({'queries': ['red block'], 'camera': 'top'}, 'no image of camera'),
        ({'queries': ['red block'], 'camera': 'moon'}, "no camera 'moon'"),
        ({'image': image_of(), **FAR}, 'holds no pixel'),
        ({'image': Image(width=5, height=5, encoding='yuv'), 'queries': ['a']}, 'encoding'),
    ],
)
def test_requests_to_segment_that_make_no_sense_are_refused(stage, fields, why):
    answer = stage.call(srvs.SegmentImage, 'segment_image', **fields)
    assert not answer.success and why in answer.message


def test_queries_change_at_run_time_and_thresholds_hold(stage):
    before = list(stage.segmenter.queries.labels)
    refused = stage.call(srvs.SetQueries, 'segmenter/set_queries', queries=['a', 'a'])
    assert not refused.success and 'different' in refused.message
    refused = stage.call(srvs.SetQueries, 'segmenter/set_queries', queries=['red block'], thresholds=[1.5])
    assert not refused.success and 'from 0 to 1' in refused.message
    assert stage.call(srvs.SetQueries, 'segmenter/set_queries', queries=['red block'], thresholds=[0.8]).success
    message = stage.hear(msgs.Segmentation, 'masks', lambda message: len(message.queries) == 1)
    assert not message.detections and message.scores[0] == 0.75
    assert stage.call(srvs.SetQueries, 'segmenter/set_queries', queries=before).success


def test_phrases_are_grounded_and_regions_captioned(stage):
    found = stage.call(srvs.GroundPhrase, 'ground_phrase', phrase='red block', image=image_of())
    assert found.success and conversions.from_detection(found.detections.detections[0]).box_xyxy_px == BOX
    assert (found.detections.image_width_px, found.detections.image_height_px) == (120, 90)
    absent = stage.call(srvs.GroundPhrase, 'ground_phrase', phrase='the moon', image=image_of())
    assert absent.success and not absent.detections.detections
    whole = stage.call(srvs.CaptionRegion, 'caption_region', image=image_of())
    assert sight_conversions.from_caption(whole.captions[0]).words[0].point_px == (40.0, 30.0)
    assert stage.call(srvs.CaptionRegion, 'caption_region', image=image_of(), **NEAR).captions[0].has_region
    assert len(stage.call(srvs.CaptionRegion, 'caption_region', image=image_of(), dense=True).captions) == 1


@pytest.mark.parametrize(
    ('kind', 'name', 'fields', 'why'),
    [
        (srvs.GroundPhrase, 'ground_phrase', {'phrase': ' '}, 'empty'),
        (
            srvs.GroundPhrase,
            'ground_phrase',
            {'phrase': 'red block', 'with_mask': True},
            "add 'segmenter' to its parameter",
        ),
        (srvs.CaptionRegion, 'caption_region', {'dense': True, **NEAR}, 'whole image'),
        (srvs.CaptionRegion, 'caption_region', FAR, 'holds no pixel'),
    ],
)
def test_requests_to_ground_that_make_no_sense_are_refused(stage, kind, name, fields, why):
    answer = stage.call(kind, name, image=image_of(), **fields)
    assert not answer.success and why in answer.message


def test_captions_go_out_while_somebody_listens(stage):
    message = stage.hear(msgs.CaptionArray, 'captions')
    assert message.captions[0].text == 'red block' and message.camera == 'front'


def test_an_image_is_described_and_questions_are_answered(stage):
    answer = stage.call(srvs.DescribeImage, 'describe_image', image=image_of())
    description = sight_conversions.from_description(answer.description)
    assert description == stage.describer.models['describer'].description
    assert answer.description.text == description.text and answer.description.header.frame_id == 'somewhere'
    answer = stage.call(srvs.AskScene, 'ask_scene', image=image_of(), question=' how many  blocks are there?')
    assert answer.success and (answer.answer, answer.confidence) == ('1', 1.0) and answer.evidence
    assert not stage.call(srvs.AskScene, 'ask_scene', image=image_of(), question=' ').success


def test_descriptions_go_out_while_somebody_listens(stage):
    message = stage.hear(msgs.Description, 'description')
    assert message.camera == 'front' and [line.kind for line in message.lines] == ['object', 'count']


@pytest.mark.parametrize('region', [{}, {'has_region': True, 'x_max_px': 10.0, 'y_max_px': 10.0}])
def test_images_and_regions_are_classified(stage, region):
    green = np.zeros_like(PICTURE)
    green[..., 1] = 200
    answer = stage.call(srvs.ClassifyImage, 'classify_image', image=image_of(green), labels=['red', 'green'], **region)
    assert answer.success and list(answer.labels) == ['green', 'red']
    assert answer.probabilities[0] > 0.5 and sum(answer.probabilities) == pytest.approx(1.0)


@pytest.mark.parametrize('labels', [[], ['red'], ['red', ' ']])
def test_classes_that_make_no_choice_are_refused(stage, labels):
    answer = stage.call(srvs.ClassifyImage, 'classify_image', image=image_of(), labels=labels)
    assert not answer.success and 'two or more' in answer.message


def test_what_was_detected_is_remembered_and_found_again_by_words(stage):
    nothing = stage.call(srvs.RetrieveViews, 'retrieve_views', text='red')
    assert not nothing.success and 'memory.is_on' in nothing.message
    stage.describer.memory = SceneMemory(stage.describer.models['embedder'], MemoryConfig(least_seconds=0.0))
    seen = stage.client.create_publisher(msgs.DetectionArray, 'detections', alive_qos())
    lifted = d.LiftedDetection(d.Detection('red block', 0.9, BOX), (0.5, 0.1, 0.02), (0.04, 0.04, 0.04), 0.0)

    stamps = []

    def look():
        stamps.append(time.time())
        stage.show(stamps[-1])
        stamp = stamps[max(0, len(stamps) - 3)]  # detections come later than the image they are about
        array = msgs.DetectionArray(camera='front', detections=[conversions.to_detection(lifted)])
        array.header = conversions.to_header(stamp, 'front_optical_frame')
        seen.publish(array)
        return len(stage.describer.memory)

    try:
        assert wait_until(look, 30, 0.1)
        found = stage.call(srvs.RetrieveViews, 'retrieve_views', text='red', limit=1)
        newest = stage.call(srvs.RetrieveViews, 'retrieve_views', text='green', newest=True)
        assert found.success and len(found.views) == 1 and -1 <= found.views[0].score <= 1
        assert newest.success and newest.views[0].camera == 'front'
        every = stage.call(srvs.RetrieveViews, 'retrieve_views', text='red')
        (thing,) = [view for view in every.views if view.label][:1]
        assert thing.has_position and thing.has_region and thing.x_max_px == BOX[2]
        assert not stage.call(srvs.RetrieveViews, 'retrieve_views', text='').success
    finally:
        stage.describer.memory = None


def test_pictures_are_annotated_for_whoever_looks(stage):
    assert wait_until(lambda: not stage.annotator._topics, 30)
    message = stage.hear(Image, 'front/annotated', lambda picture: picture.height > 90)
    drawn = pixels.from_colour(message)
    assert drawn.shape[1] == 120 and not np.array_equal(drawn[:90], PICTURE)
    assert message.header.frame_id == 'front_optical_frame'


def test_the_scene_becomes_markers(stage):
    things = (d.SceneObject('red block', 'red block', (0.5, 0.1, 0.02)),)
    scenes = stage.client.create_publisher(msgs.Scene, 'scene', alive_qos(5, latched=True))
    scenes.publish(conversions.to_scene(d.Scene(things, stamp=2.0), ''))
    gone, box, text = stage.hear(MarkerArray, 'scene_markers').markers
    assert (gone.action, box.type, text.text) == (Marker.DELETEALL, Marker.CUBE, 'red block 1.00')
    assert conversions.from_point(box.pose.position) == (0.5, 0.1, 0.02) and box.header.frame_id == 'base'
    assert box.color.r > box.color.b


def test_a_part_that_is_not_named_loads_nothing_and_says_so(stage):
    node = FakeGrounderNode()
    node.config = replace(node.config, parts=())
    node.trigger_configure()
    assert node.models == {} and not node.is_wanted()
    with pytest.raises(ModelError, match="add 'grounder' to its parameter 'parts'"):
        node.get_model('grounder')
    node.destroy_node()


def test_nodes_say_whether_they_are_configured_and_active(stage):
    node = FakeSegmenterNode()
    with pytest.raises(ModelError, match='configure'):
        node.get_model('segmenter')
    node.trigger_configure()
    assert node.get_model('segmenter').name == 'fixed'
    with pytest.raises(PerceptionError, match='not active'):
        node.pick_image(srvs.SegmentImage.Request())
    node.trigger_activate()
    node.trigger_deactivate()
    assert node.models and not node.watch.is_active
    node.trigger_cleanup()
    assert not node.models
    node.destroy_node()


def test_a_watch_looks_no_more_often_than_it_is_told(stage):
    node, seen = FakeSegmenterNode(), []
    watch = CameraWatch(
        node, WatchConfig(cameras=('front',), rate=0.01), lambda *taken: seen.append(taken), lambda: True
    )
    watch.start()
    for stamp in range(1, 4):
        watch._keep('front', 'image', pixels.to_image(PICTURE, 'rgb8', conversions.to_header(stamp, 'x')))
        assert wait_until(lambda: seen, 30)
    watch.stop()
    assert len(seen) == 1
    node.destroy_node()


@pytest.mark.parametrize('bad', [{'cameras': ()}, {'rate': -1.0}, {'threads': -1}, {'image_reliability': 'often'}])
def test_settings_that_cannot_be_are_refused(bad):
    with pytest.raises(ConfigError):
        WatchConfig(**bad)
    with pytest.raises(ConfigError):
        GrounderNodeConfig(parts=('oracle',))
    with pytest.raises(ConfigError, match="no part 'answer'; did you mean 'answerer'"):
        DescriberNodeConfig(parts=('answer',))
    with pytest.raises(ConfigError, match='answers_by'):
        DescriberNodeConfig(answers_by='oracle')
    with pytest.raises(ConfigError):
        AnnotatorNodeConfig(sources=('dreams',))
