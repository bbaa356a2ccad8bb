"""Makes dlt read the settings of this project, and nothing else.

dlt would also read its own files in the home and current folders, Airflow's variables, and plain variables such as
`REFRESH` or `PROGRESS`, which a host with other dlt pipelines has for those.
"""

import os
from pathlib import Path
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.pipeline import PipelineContext
from dlt.common.runtime.run_context import RunContext

from .configuration import Configuration


class Provider(ConfigProvider):
    """All settings, as one provider: dlt asks each provider some ten thousand times in a sync."""

    supports_secrets = True
    supports_sections = True
    name = "intercom-warehouse"

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def get_value(self, key: str, hint: Any, pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        return self._configuration.value((*sections, key), pipeline_name), key


class ProjectContext(RunContext):
    """The user's folder. dlt's own takes the current folder, or those that its variables name."""

    def __init__(self, root: Path, provider: Provider) -> None:
        super().__init__(str(root))
        self._provider = provider

    @property
    def run_dir(self) -> str:
        return str(self._init_run_dir)

    local_dir = run_dir

    @property
    def settings_dir(self) -> str:
        return str(Path(self.run_dir, ".dlt"))

    @property
    def global_dir(self) -> str:
        """Where dlt stores a random number, although it reports nothing: beside its working folder, not in the home."""
        active = Container()[PipelineContext]
        return str(Path(active.pipeline().working_dir).parent) if active.is_active() else super().global_dir

    @property
    def data_dir(self) -> str:
        return self.global_dir

    def initial_providers(self) -> list[ConfigProvider]:
        return [self._provider]


def use(root: Path, configuration: Configuration) -> None:
    """Makes dlt read this configuration. Its own context would read files in the current folder first."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    Container()[PluggableRunContext] = PluggableRunContext(ProjectContext(root, Provider(configuration)))
