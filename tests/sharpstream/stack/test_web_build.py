"""The web page is built where Node is installed, once per state of its sources; failures are reported."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sharpstream.stack import web_build
from sharpstream.stack.errors import MissingToolError, StartError

ROOT = Path(__file__).parents[3]
NPM = """#!{python}
import pathlib, sys
with open("../calls", "a") as calls:
    calls.write(sys.argv[1] + "\\n")
if pathlib.Path("../broken").exists():
    sys.exit("npm error code E404 the registry knows nothing of it")
if sys.argv[1] == "ci":
    pathlib.Path("node_modules").mkdir(exist_ok=True)
elif sys.argv[-1] == "lint":
    sys.exit(pathlib.Path("src/main.ts").read_text() == "unformatted")
else:
    pathlib.Path("dist.partial").mkdir()
    pathlib.Path("dist.partial/index.html").write_text(pathlib.Path("src/main.ts").read_text())
"""


class Checkout:
    """Sources of a page, and a fake Node and npm that only record their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sources, self.programs = folder, folder / "web", folder / "bin"
        for each in (self.sources / "src", self.programs):
            each.mkdir(parents=True)
        self.write("src/main.ts", "one")
        self.write("package-lock.json", "{}")
        self.node("v24.1.0")
        self.program("npm", NPM.format(python=sys.executable))

    def write(self, name: str, text: str) -> None:
        (self.sources / name).write_text(text)

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def node(self, version: str) -> None:
        self.program("node", f"#!{sys.executable}\nprint({version!r})\n")

    def build(self) -> tuple[list[str], str]:
        """Build; return npm's calls and the page that is served then."""
        calls = self.folder / "calls"
        calls.write_text("")
        web_build.build(lambda _: None)
        return calls.read_text().split(), (self.sources / "dist" / "index.html").read_text()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    made = Checkout(tmp_path)
    monkeypatch.setattr(web_build, "SOURCES", made.sources)
    monkeypatch.setattr(web_build, "BUILT", made.sources / "dist")
    monkeypatch.setattr(web_build, "_INSTALLED", made.sources / "node_modules" / ".installed-from")
    monkeypatch.setenv("PATH", str(made.programs))
    return made


def test_it_is_built_once_for_each_state_of_its_sources(checkout: Checkout) -> None:
    assert web_build.note() == "a plain one: the web page is not built"
    assert checkout.build() == (["ci", "run"], "one")
    assert web_build.note() == ""
    assert checkout.build() == ([], "one")
    checkout.write("src/main.test.ts", "no part of the page")
    checkout.write("README.md", "nor is this")
    assert checkout.build() == ([], "one")
    checkout.write("src/main.ts", "two")
    assert web_build.note() == "older than its sources"
    assert checkout.build() == (["run"], "two")
    checkout.write("package-lock.json", '{"newer": true}')
    assert checkout.build() == (["ci", "run"], "two")
    client = checkout.folder / "clients" / "typescript" / "src"
    client.mkdir(parents=True)
    (client / "index.ts").write_text("what the page imports")
    (client / "index.test.ts").write_text("and what it does not")
    assert checkout.build() == (["run"], "two")
    (client / "index.test.ts").write_text("changed")
    assert checkout.build() == ([], "two")


@pytest.mark.parametrize(
    ("version", "said"), [("v18.20.0", "v18.20.0"), ("v20.18.9", "v20.18.9"), ("nonsense", "nonsense")]
)
def test_a_node_that_is_too_old_is_named(checkout: Checkout, version: str, said: str) -> None:
    checkout.node(version)
    with pytest.raises(MissingToolError, match=f"{said}.*install Node 20.19 or later"):
        web_build.build(lambda _: None)


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_without_node_it_says_what_to_install(checkout: Checkout, missing: str) -> None:
    (checkout.programs / missing).unlink()
    with pytest.raises(MissingToolError, match="install Node"):
        web_build.build(lambda _: None)
    assert web_build.built() is None


def test_a_failure_is_reported_and_the_older_page_stays(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.build()
    checkout.write("src/main.ts", "two")
    (checkout.folder / "broken").touch()
    with pytest.raises(StartError, match=r"`npm run --silent` failed: .*E404"):
        web_build.build(lambda _: None)
    assert (checkout.sources / "dist" / "index.html").read_text() == "one"
    assert web_build.main() == 1
    assert "The web page is not built: `npm run --silent` failed" in capsys.readouterr().err


def test_a_script_of_the_page_runs_with_its_tools(checkout: Checkout) -> None:
    calls = checkout.folder / "calls"
    assert web_build.main(["run", "lint"]) == 0
    assert calls.read_text().split() == ["ci", "run"]  # the tools are installed first, once
    checkout.write("src/main.ts", "unformatted")
    assert web_build.main(["run", "lint"]) == 1
    assert calls.read_text().split() == ["ci", "run", "run"]


def test_without_node_the_page_is_left_out_of_the_checks_and_said_to_be(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout.programs / "node").unlink()
    assert web_build.main(["run", "lint"]) == 0
    assert "The page is left out" in capsys.readouterr().err


def test_tools_that_cannot_be_fetched_fail_the_check(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout.folder / "broken").touch()
    assert web_build.main(["run", "lint"]) == 1
    assert "The web page is not checked: `npm ci --include=dev` failed" in capsys.readouterr().err


def test_without_sources_there_is_nothing_to_build_or_to_say(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed package has the gateway's own files only."""
    monkeypatch.setattr(web_build, "SOURCES", checkout.folder / "nowhere")
    web_build.build(lambda _: None)
    assert web_build.note() == ""


def test_the_page_needs_no_packages_but_its_own(tmp_path: Path) -> None:
    """A new checkout and the container image have those of `web` alone; the client's are for its tests."""
    installed = ROOT / "web" / "node_modules"
    if not installed.is_dir():
        pytest.skip("the page's packages are not installed: make web")
    for name in ("web", "clients/typescript/src"):
        left_out = shutil.ignore_patterns("node_modules", "dist*")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    (tmp_path / "web" / "node_modules").symlink_to(installed)
    done = subprocess.run(
        ["npm", "run", "--silent", "build"],
        cwd=tmp_path / "web",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = {str(path.relative_to(tmp_path / "web/dist")) for path in (tmp_path / "web/dist").rglob("*")}
    assert {"index.html", "index.html.br", "export/viewer.html"} <= made
