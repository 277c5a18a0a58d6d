"""
Recordings: what went over the topics, as a rosbag2 folder with one MCAP file, written and read by ``rosbags``.

``ros2 bag info`` and ``ros2 bag play`` take the folder, Foxglove opens the ``.mcap`` file in it. Messages are kept
as they came, serialised (CDR); definitions of all types stand in the file, so that it can be read without this
package. Stamps of the recording are nanoseconds of the wall clock of the recorder.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
from dataclasses import dataclass
import functools
import importlib
from pathlib import Path
import re
import sys
from typing import Any

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer, WriterError
from rosbags.typesys import get_types_from_msg, get_typestore, Stores
from rosbags.typesys.store import Typestore

from vlm_robot.errors import PerceptionError, VlmRobotError

BUILT_IN = ('bool', 'byte', 'char', 'string', 'wstring', 'float32', 'float64',
            *(f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64)))  # fmt: skip
FIELD = re.compile(r'^([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*')


@dataclass(frozen=True)
class Record:
    """
    One recorded message.

    :param kind: name of its type, for example ``sensor_msgs/msg/Image``.
    :param nanoseconds: wall clock of the recorder when it came.
    """

    topic: str
    kind: str
    nanoseconds: int
    data: bytes

    @property
    def message(self) -> Any:
        """Return the message itself; raise PerceptionError where its package is not installed."""
        return deserialize_message(self.data, find_class(self.kind))


def name_kind(message_class: type) -> str:
    """Return the name of a message class, for example ``sensor_msgs/msg/Image``."""
    package, folder, *_ = message_class.__module__.split('.')
    return f'{package}/{folder}/{message_class.__name__}'


@functools.cache
def find_class(kind: str) -> type:
    """Return the message class of a name; raise PerceptionError where it is not installed."""
    package, folder, name = kind.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.{folder}'), name)
    except (ImportError, AttributeError) as error:
        raise PerceptionError(f"the type '{kind}' of the recording is not installed here: {error}") from error


def collect_definitions(kind: str) -> dict[str, str]:
    """
    Return type name -> text of its ``.msg`` file, for a type and all that it is made of.

    :raises PerceptionError: a file is missing where its package is installed.
    """
    found: dict[str, str] = {}
    waiting = [kind]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _read_definition(name)
            waiting += [part for part in _list_parts(name, found[name]) if part not in found]
    return found


def _read_definition(kind: str) -> str:
    package, folder, name = kind.split('/')
    try:
        share = Path(get_package_share_directory(package))
    except (PackageNotFoundError, OSError):  # no ament index in the environment: the wheels' place
        share = Path(sys.prefix, 'share', package)
    try:
        return (share / folder / f'{name}.msg').read_text(encoding='utf-8')
    except OSError as error:
        raise PerceptionError(f"no definition of '{kind}' is installed: {error}") from error


def _list_parts(kind: str, text: str) -> list[str]:
    parts = []
    for line in text.splitlines():
        match = FIELD.match(line.split('#')[0].strip())
        if match and match[1] not in BUILT_IN:
            *package, name = match[1].split('/')
            parts.append('/'.join([package[0] if package else kind.split('/', maxsplit=1)[0], 'msg', name]))
    return parts


def build_typestore(kinds: list[str]) -> Typestore:
    """Return the types of the standard packages and those of ``kinds``."""
    store = get_typestore(Stores.ROS2_KILTED)
    added: dict = {}
    for kind in kinds:
        for name, text in collect_definitions(kind).items():
            if name not in store.fielddefs:
                added.update(get_types_from_msg(text, name))
    store.register(added)
    return store


class BagWriter:
    """Writes messages as they come; a context manager. Not for several threads at once."""

    def __init__(self, folder: Path, kinds: list[str]):
        """
        Open a new recording.

        :param folder: must not exist yet.
        :param kinds: names of all types that will be written.
        :raises PerceptionError: the folder exists or cannot be written.
        """
        self.folder = Path(folder)
        self.count = 0
        self._typestore = build_typestore(kinds)
        self._connections: dict[str, Any] = {}
        try:
            self._writer = Writer(self.folder, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._writer.open()
        except (WriterError, OSError) as error:
            cure = 'name a folder that is not there yet'
            raise PerceptionError(f"cannot record into '{folder}': {error}; {cure}") from error

    def __enter__(self) -> BagWriter:
        """Return itself."""
        return self

    def __exit__(self, *_) -> None:
        """Finish the file."""
        self.close()

    def write(self, topic: str, kind: str, data: bytes, nanoseconds: int) -> None:
        """Add one serialised message; raise PerceptionError when the disk takes no more."""
        try:
            if topic not in self._connections:
                self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._typestore)
            self._writer.write(self._connections[topic], nanoseconds, data)
        except (WriterError, OSError) as error:
            raise PerceptionError(f"cannot go on recording into '{self.folder}': {error}") from error
        self.count += 1

    def close(self) -> None:
        """Finish the file; raise PerceptionError when the disk does not take its end."""
        try:
            self._writer.close()
        except (WriterError, OSError) as error:
            raise PerceptionError(f"the recording '{self.folder}' could not be finished: {error}") from error


@contextlib.contextmanager
def _open(folder: Path) -> Iterator[Reader]:
    try:
        with Reader(Path(folder)) as reader:
            yield reader
    except VlmRobotError:
        raise
    except Exception as error:  # of a broken file the library raises whatever it stumbles over, far from ReaderError
        cure = 'was its recorder killed? `ros2 bag reindex` or `mcap recover` may save it'
        raise PerceptionError(f"cannot read the recording '{folder}': {error}; {cure}") from error


def list_topics(folder: Path) -> list[str]:
    """Return the topics of a recording in alphabetical order; raise PerceptionError as ``read_bag``."""
    with _open(folder) as reader:
        return sorted({connection.topic for connection in reader.connections})


def read_bag(folder: Path, topics: tuple[str, ...] = ()) -> Iterator[Record]:
    """
    Yield the messages of a recording in the order in which they came.

    :param topics: only these; none means all.
    :raises PerceptionError: there is no recording, or its recorder was killed before it could finish the file.
    """
    with _open(folder) as reader:
        chosen = [item for item in reader.connections if not topics or item.topic in topics]
        for connection, nanoseconds, data in reader.messages(connections=chosen) if chosen else ():
            yield Record(connection.topic, connection.msgtype, nanoseconds, bytes(data))
