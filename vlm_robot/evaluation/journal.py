"""
Results that survive a kill: one line of JSON per episode, appended and forced to disk before the next begins.

A line carries the key of its run: suite, tier, planner, settings and weights. A run reads the lines of its own
key and does the rest; a line that was cut off by a kill is left out. Nothing else is written to the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import json
import os
from pathlib import Path
from typing import Any

from vlm_robot.errors import ConfigError


@dataclass
class Journal:
    """The file of one folder; several runs may share it, one after the other."""

    path: Path

    def read(self, key: str, *, finished: bool = True) -> dict[int, dict]:
        """
        Return seed -> result of every whole line of a key; the newest line of a seed counts.

        :param finished: take also results of a run that came to its end; without them only those of a run that
            was killed.
        """
        if not self.path.is_file():
            return {}
        results: dict[int, dict] = {}
        for line in self.path.read_text(encoding='utf-8', errors='replace').splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue  # cut off by a kill
            if not isinstance(row, Mapping) or row.get('key') != key:
                continue
            if 'seed' in row:
                results[int(row['seed'])] = row['result']
            elif not finished:
                results.clear()
        return results

    def append(self, key: str, seed: int, result: Mapping[str, Any]) -> None:
        """
        Add a line and wait until it is on disk.

        :raises ConfigError: the file cannot be written.
        """
        self._append_line({'key': key, 'seed': seed, 'result': result})

    def end(self, key: str) -> None:
        """Note that the run of a key came to its end."""
        self._append_line({'key': key, 'end': True})

    def _append_line(self, row: Mapping[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open('ab') as file:
                if file.tell() and not self._ends_with_newline():
                    file.write(b'\n')
                file.write(f'{line}\n'.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ConfigError(f"cannot write results to '{self.path}': {error}; choose another folder") from error

    def _ends_with_newline(self) -> bool:
        with self.path.open('rb') as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b'\n'


def to_plain(value: Any) -> Any:
    """Return what JSON makes of a value, so that results read back equal results just made."""
    return json.loads(json.dumps(value, default=str))
