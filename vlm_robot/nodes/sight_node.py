"""
What the nodes of sight share: models loaded by configure, cameras watched while active, health told once a second.

A node says what it loads, what it does with a frame, and whether anybody wants that; its services answer from the image
in the request or the newest one of a camera. A part that its parameters do not name loads nothing, and its services
say so.
"""

from __future__ import annotations

import vlm_robot.nodes.heavy_imports  # noqa: F401  before anything else imports what it does

# isort: split
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Header
import torch

from vlm_robot.errors import ConfigError, ModelError, name_nearest, VlmRobotError
from vlm_robot.nodes import lifespan, parameters, pixels
from vlm_robot.nodes.camera_watch import CameraWatch, WatchConfig
from vlm_robot.nodes.change_rules import ChangeRules, When
from vlm_robot.nodes.diagnostics import tick_by_wall
from vlm_robot.nodes.liveness import reliable_qos
from vlm_robot.nodes.query_list import QueryList


def check_parts(parts: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError when a part is asked for that a node does not have."""
    for part in parts:
        if part not in known:
            raise ConfigError(f"no part '{part}'{name_nearest(part, known)}; allowed: {list(known)}")


RULES = {
    'autostart': When.NEVER,
    'rate': When.ALWAYS,
    **dict.fromkeys(('cameras', 'image_reliability', 'image_transport'), When.INACTIVE),
}


class SightNode(LifecycleNode):
    """A managed node with models and cameras; a node of its own fills in ``load``, ``look`` and ``is_wanted``."""

    queries: QueryList  # of nodes that look for phrases

    def __init__(
        self,
        name: str,
        config: WatchConfig,
        parts: Sequence[str] = ('image',),
        rules: Mapping[str, When] = MappingProxyType({}),
    ):
        """
        Declare parameters and tell health; nothing is loaded yet.

        :param parts: what belongs to a frame, keys of ``camera_watch.KINDS``.
        :param rules: when parameters may change, beside RULES; the others while nothing is loaded.
        """
        super().__init__(name, **lifespan.NODE_OPTIONS)
        changes = ChangeRules(self.get_fully_qualified_name(), {**RULES, **rules})
        self.config: Any = parameters.declare(self, config, rules=changes, on_change=self._change)
        self.models: dict[str, Any] = {}  # by the name of the part
        self.group = ReentrantCallbackGroup()
        self.watch = CameraWatch(self, self.config, self.look, self.is_wanted, parts)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', reliable_qos())
        tick_by_wall(self, self._tell_health)

    # ---- what a node fills in

    def load(self) -> dict[str, Any]:
        """Return the models that the parameters name, by part; raise VlmRobotError when one cannot be had."""
        raise NotImplementedError

    def look(self, camera: str, messages: tuple) -> None:
        """Work on the newest frame of a camera; called in a thread of its own."""
        raise NotImplementedError

    def is_wanted(self) -> bool:
        """Return whether anybody would use what ``look`` finds."""
        raise NotImplementedError

    def list_details(self) -> dict[str, str]:
        """Return what the diagnostics tell beside model, device and rate."""
        return {}

    def adjust(self, old: Any, new: Any) -> None:
        """Take over parameters that changed while models are loaded; what is read at every look needs nothing."""

    # ---- lifecycle

    def on_configure(self, state) -> TransitionCallbackReturn:
        """Load the models."""
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        super().on_configure(state)
        return lifespan.load_models(self, self._load)

    def on_activate(self, state) -> TransitionCallbackReturn:
        """Subscribe to the cameras and start to look."""
        outcome = super().on_activate(state)  # publishers first: the first look may come at once

        def start() -> TransitionCallbackReturn:
            try:
                self.watch.start()
            except Exception:
                self.watch.stop()  # half of the cameras are no eyes
                raise
            return outcome

        return lifespan.tell_failure(self, 'activate', start)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        """Stop looking; the models stay loaded."""
        self.watch.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        """Forget the models."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state) -> TransitionCallbackReturn:
        """Stop looking and forget the models."""
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state) -> TransitionCallbackReturn:
        """Begin anew: nothing is loaded."""
        self._release()
        return super().on_error(state)

    def _load(self) -> object:
        self.models = self.load()
        return {part: model.name for part, model in self.models.items()} or 'nothing'

    def _release(self) -> None:
        self.watch.stop()
        self.models = {}
        lifespan.free_memory()

    def _change(self, config: Any) -> None:
        old, self.config, self.watch.config = self.config, config, config
        self.adjust(old, config)

    def close(self) -> None:
        """Stop looking at the end of the process."""
        self.watch.stop()

    # ---- services

    def offer(self, kind: type, name: str, act: Callable[[Any, Any], None]) -> None:
        """
        Offer a service whose response has ``success`` and ``message``.

        :param act: fills in the response; what it raises as VlmRobotError becomes the message of a refusal.
        """

        def answer(request, response):
            try:
                act(request, response)
            except VlmRobotError as error:
                return kind.Response(message=str(error))
            response.success = True
            return response

        self.create_service(kind, name, answer, callback_group=self.group)

    def set_queries(self, request) -> None:
        """Take over what a SetQueries request asks for; the parameter ``queries`` then says so too."""
        self.queries.set(request)
        self.set_parameters([Parameter('queries', value=list(self.queries.labels) or [''])])

    def get_model(self, part: str) -> Any:
        """Return the model of a part; raise ModelError when this profile has none."""
        if part not in self.models:
            is_named = part in getattr(self.config, 'parts', (part,))
            how = 'configure the node' if is_named else f"add '{part}' to its parameter 'parts'"
            raise ModelError(f'the {self.get_name()} node has no {part} loaded; {how}')
        return self.models[part]

    def pick_image(self, request) -> tuple[np.ndarray, str, Header]:
        """Return the picture that a request is about, (H, W, 3) uint8, its camera or '', and its header."""
        if request.image.width or request.image.height:
            return pixels.from_colour(request.image), '', request.image.header
        camera, image = self.watch.newest(request.camera)
        return self.watch.straighten(camera, image), camera, image.header

    # ---- health

    def _tell_health(self) -> None:
        details = {part: model.name for part, model in self.models.items()} or {'model': 'not loaded'}
        details |= {'device': ', '.join(sorted({str(getattr(m, 'device', '')) for m in self.models.values()} - {''}))}
        details |= {'frames dropped': str(self.watch.frames.dropped), **self.list_details()}
        is_idle = self.watch.is_active and not self.is_wanted()
        array = self.watch.meter.report(lifespan.tell_name(self), details, self.watch.is_active, is_idle)
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)
        self.watch.follow_publishers()
