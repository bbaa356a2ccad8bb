"""Imported before a process forks: what each command reads once of the project's own files is there in its forks."""

from pydantic import TypeAdapter

from pipelines.destinations import MARTS, RAW
from pipelines.destinations.duckdb import DuckDB
from pipelines.models import load_checks, load_models
from pipelines.models.definitions import Place, comments, select_of

PLACE = Place(RAW, MARTS, DuckDB.dialect)
TypeAdapter(int)  # the first one searches all installed packages for plugins of pydantic

for model in load_models():
    select_of(model, PLACE)
    comments(model, PLACE)
for check in load_checks():
    select_of(check, PLACE)
