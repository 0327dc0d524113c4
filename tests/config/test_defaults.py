"""config/defaults.toml is the documented default: complete, and equal to the code."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from config import settings as model
from config import validation
from config.settings import Settings, load_settings
from config.sources import leaves, variable

FILE = Path(__file__).parents[2] / "config" / "defaults.toml"


def listed(text: str) -> set[str]:
    def walk(tree: dict[str, object], prefix: str) -> set[str]:
        found: set[str] = set()
        for name, value in tree.items():
            found |= walk(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
        return found

    return walk(tomllib.loads(text), "")


def test_the_documented_defaults_are_those_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({}, FILE) == load_settings({})


def test_every_setting_is_listed_and_those_commented_out_have_no_default() -> None:
    text = FILE.read_text()
    uncommented = re.sub(r'^# (\w+ = ".*")$', r"\1", text, flags=re.MULTILINE)
    assert listed(uncommented) == set(leaves())
    assert listed(uncommented) - listed(text) == {path for path, default in leaves().items() if default in (None, "")}


def test_the_schema_knows_exactly_the_settings_there_are() -> None:
    schema = validation.SettingsSchema()
    assert set(schema.fields) == {item.name for item in fields(Settings)}
    for name, kind in vars(model).items():
        if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__") and kind is not Settings:
            section = getattr(validation, f"{name}Schema")()
            assert section.makes is kind
            assert set(section.fields) == {item.name for item in fields(kind)}


def test_every_setting_has_a_variable_of_its_own() -> None:
    names = [variable(path) for path in leaves()]
    assert len(set(names)) == len(names)
    assert variable("web.threads") == "CROSSDOCK_WEB_THREADS"
    assert variable("data_dir") == "CROSSDOCK_DATA_DIR"
