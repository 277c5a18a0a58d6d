"""The language room's settings, and the one place that decides whether a model runs here or behind a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from vlm_robot.errors import ConfigError
from vlm_robot.language.language_model import LanguageModel
from vlm_robot.language.openai_server import ServerLanguageModel
from vlm_robot.language.server_link import ServerConfig
from vlm_robot.language.transformers_model import TransformersConfig, TransformersLanguageModel

BACKENDS = ('transformers', 'server')


@dataclass(frozen=True)
class LanguageConfig(TransformersConfig):
    """The settings of a local model, and beside them those of a server; ``backend`` says which count."""

    backend: str = 'transformers'  # 'transformers' runs the model in this process, 'server' asks one
    server: ServerConfig = field(default_factory=ServerConfig)

    def __post_init__(self):
        """Check the backend and what a local model checks."""
        super().__post_init__()
        if self.backend not in BACKENDS:
            raise ConfigError(f"language backend '{self.backend}' is not known; allowed: {list(BACKENDS)}")


def load_language_model(config: LanguageConfig = LanguageConfig()) -> LanguageModel:
    """
    Return the language model, loaded or connected.

    :raises ModelError: it cannot be loaded, or the server is down or does not serve it.
    """
    if config.backend == 'server':
        server = ServerLanguageModel(config.server)
        server.connect()
        return server
    return TransformersLanguageModel(config)
