"""The programs in docs ask our modules for what these have: most are run by hand, and seldom."""

import ast
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ABSENT = object()
SCRIPTS = sorted((Path(__file__).resolve().parents[2] / "docs").glob("*.py"))


def found(module, name):
    """What `from module import name` gives, ABSENT if nothing."""
    with suppress(ModuleNotFoundError):
        import_module(f"{module}.{name}")
    return getattr(import_module(module), name, ABSENT)


def missing(source):
    """Names that the text `source` wants of modules of this project and that are not there."""
    nodes, modules, absent = list(ast.walk(ast.parse(source))), {}, []
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "tritone":
            for alias in node.names:
                thing = found(node.module, alias.name)
                if thing is ABSENT:
                    absent.append(f"{node.module}.{alias.name}")
                elif isinstance(thing, ModuleType):
                    modules[alias.asname or alias.name] = thing
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module and not hasattr(module, node.attr):
                absent.append(f"{module.__name__}.{node.attr}")
    return absent


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_script_asks_for_is_there(script):
    assert not missing(script.read_text())


def test_what_is_not_there_is_found():
    assert missing("from tritone.sim import cache\nfrom tritone.common.page import marks, lost\n"
                   "cache.digest(cache.gone)") == ["tritone.common.page.lost",
                                                   "tritone.sim.cache.gone"]
