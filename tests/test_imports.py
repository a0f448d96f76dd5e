"""Each part of the package imports only what its place allows."""

import ast
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[1]
PARTS = ("common", "model", "compiler", "rtl", "sim", "host", "boards", "train", "formal",
         "meters", "cpu", "power")
# What a part must not import. `common` is held to the standard library below.
FORBIDDEN = {
    "model": {"amaranth", "torch", "tritone.rtl", "tritone.sim", "tritone.host", "tritone.train"},
    "compiler": {"amaranth", "torch", "tritone.rtl", "tritone.sim", "tritone.host"},
    "rtl": {"numpy", "torch", "tritone.model", "tritone.compiler", "tritone.sim", "tritone.host"},
    "host": {"amaranth", "torch", "tritone.rtl", "tritone.boards", "tritone.train"},
    "meters": {"amaranth", "torch", "tritone.rtl", "tritone.sim", "tritone.host", "tritone.model",
               "tritone.compiler", "tritone.boards", "tritone.train"},
    "formal": {"numpy", "torch", "tritone.model", "tritone.compiler", "tritone.host"},
    "cpu": {"amaranth", "torch", "tritone.rtl", "tritone.train"},
    "train": {"amaranth", "tritone.rtl", "tritone.sim", "tritone.host"},
}


def imports(source, part):
    """Full names of the modules that the text `source`, a module of `part`, imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = ["tritone", part][:3 - node.level] if node.level else []
            base = ".".join([*inside, *([node.module] if node.module else [])])
            yield from [f"{base}.{alias.name}" for alias in node.names] if base == "tritone" \
                else [base]


def violations(source, part):
    names = list(imports(source, part))
    if part == "common":
        return [name for name in names if not name.startswith("tritone.common")
                and name.split(".")[0] not in sys.stdlib_module_names]
    return [name for name in names for bad in FORBIDDEN.get(part, ())
            if name == bad or name.startswith(bad + ".")]


@pytest.mark.parametrize("part", PARTS)
def test_part_imports_only_what_it_may(part):
    found = {str(path.relative_to(TREE)): bad for path in sorted((TREE / part).rglob("*.py"))
             if (bad := violations(path.read_text(), part))}
    assert not found


@pytest.mark.parametrize("part, source, bad", [
    ("host", "from amaranth.hdl import Signal", "amaranth.hdl"),
    ("host", "def late():\n    import amaranth", "amaranth"),
    ("host", "from ..rtl.top import Top", "tritone.rtl.top"),
    ("host", "from .. import rtl", "tritone.rtl"),
    ("rtl", "import numpy as np", "numpy"),
    ("common", "import numpy", "numpy"),
    ("common", "from ..model import golden", "tritone.model"),
    ("compiler", "from tritone.rtl import top", "tritone.rtl"),
    ("meters", "from ..host.driver import Board", "tritone.host.driver"),
])
def test_a_forbidden_import_is_found(part, source, bad):
    assert violations(source, part) == [bad]


@pytest.mark.parametrize("part, source", [
    ("common", "import json\nfrom .config import Config\nfrom ..common import tape"),
    ("rtl", "from ..common.config import Config\nfrom .uart import UART"),
    ("host", "import numpy, serial\nfrom ..sim.virtual import VirtualBoard"),
])
def test_an_allowed_import_is_not(part, source):
    assert not violations(source, part)
