"""The link check of `make lint` finds broken links, and the documents have none."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "check_links.py"


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small repository: two documents, a picture, two modules."""
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (tmp_path / "docs" / "images" / "a b.png").write_bytes(b"")
    (tmp_path / "docs" / "other.md").write_text(
        "# The Other: `one`, again!\n\n## Twice\n\n## Twice\n\n"
        '<a id="by-hand"></a>\n\n```sh\n# not-a-heading\n```\n\n## A [link](x) and snake_case\n'
    )
    (tmp_path / "gateway" / "api").mkdir(parents=True)
    (tmp_path / "gateway" / "api" / "web.py").write_text("class Page:\n    def test_open(self): ...\n")
    (tmp_path / "gateway" / "api" / "docs.py").write_text("")
    return tmp_path


def problems(check: ModuleType, root: Path, text: str) -> list[str]:
    document = root / "docs" / "this.md"
    document.write_text(text)
    check.anchors.cache_clear()
    return list(check.problems(document, root))


@pytest.mark.parametrize(
    "text",
    [
        "[a](other.md) [b](../docs/other.md) [c](/docs/other.md) [d](images) [e](../gateway/api/web.py#L1)",
        "[a](other.md#the-other-one-again) [b](other.md#twice) [c](other.md#twice-1) [d](other.md#by-hand)",
        "[a](other.md#a-link-and-snake_case)\n\n# Here\n\n[b](#here)",
        '![a](images/a%20b.png "title") [![a](<images/a%20b.png>)](other.md)',
        "[a]: other.md\n<img src='images/a%20b.png'>",
        "[a](https://example.org/x_(y)?z=1#w) [b](http://127.0.0.1:8080) [c](mailto:ada@example.org)",
        "```\n[a](missing.md) `gateway/missing.py`\n```\n~~~~\n[a](missing.md)\n```\n~~~~",
        "`[a](missing.md)` is code",
        "`gateway/api/web.py` `gateway/api/` `gateway/api/web`",
        "`gateway/api/*.py` `gateway/api/{web,docs}.py`",
        "`gateway/api/web.py:2`, `gateway/api/web.py::Page::test_open[x]`, `images/`, `./other.md`",
        "`application/json` `/api/v1/scenes` `$URL/events` `~/x.py` `splats/photo.ply` `.venv/x.py` `a / b`",
    ],
)
def test_what_exists_is_no_problem(check: ModuleType, root: Path, text: str) -> None:
    assert problems(check, root, text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](missing.md)", "docs/this.md:1: the link to missing.md leads nowhere"),
        ("x\n\n![a](images/missing.png)", "docs/this.md:3: the link to images/missing.png leads nowhere"),
        ("[a](../../elsewhere.md)", "docs/this.md:1: the link to ../../elsewhere.md leads nowhere"),
        ("[a]: missing.md", "docs/this.md:1: the link to missing.md leads nowhere"),
        ("<img src='missing.png'>", "docs/this.md:1: the link to missing.png leads nowhere"),
        ("[a]()", "docs/this.md:1: a link has no target"),
        ("[a](other.md#missing)", "docs/this.md:1: other.md#missing: there is no such heading"),
        ("[a](other.md#not-a-heading)", "docs/this.md:1: other.md#not-a-heading: there is no such heading"),
        ("[a](other.md#twice-2)", "docs/this.md:1: other.md#twice-2: there is no such heading"),
        ("[a](#missing)", "docs/this.md:1: #missing: there is no such heading"),
        ("[a](https://)", "docs/this.md:1: https:// is no address"),
        ("[a](htps://example.org)", "docs/this.md:1: htps://example.org is no address"),
        ("[a](https://[x)", "docs/this.md:1: https://[x is no address"),
        ("`gateway/missing.py`", "docs/this.md:1: there is no gateway/missing.py"),
        ("`gone/web.py`", "docs/this.md:1: there is no gone/web.py"),
        ("`gateway/gone`", "docs/this.md:1: there is no gateway/gone"),
        ("`gateway/*.py`", "docs/this.md:1: there is no gateway/*.py"),
        ("`gateway/api/{web,gone}.py`", "docs/this.md:1: there is no gateway/api/gone.py"),
        ("`python gateway/gone.py > x`", "docs/this.md:1: there is no gateway/gone.py"),
        ("`gateway/api/web.py::test_gone`", "docs/this.md:1: gateway/api/web.py has no test_gone"),
    ],
)
def test_what_is_broken_is_found(check: ModuleType, root: Path, text: str, wrong: str) -> None:
    assert problems(check, root, text) == [wrong]


def test_every_document_is_looked_at(check: ModuleType) -> None:
    documents = {str(path.relative_to(ROOT)) for path in check.documents()}
    assert {"README.md", "CHANGELOG.md", "docs/architecture.md", "docs/decisions/README.md"} <= documents
    assert not [name for name in documents if "node_modules" in name or name.startswith(".venv")]


def test_a_piece_of_another_document_exists(check: ModuleType) -> None:
    for piece, folder in check.INSERTED.items():
        assert (ROOT / piece).is_file()
        assert (ROOT / folder).is_dir()


def test_the_documents_have_nothing_broken() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
