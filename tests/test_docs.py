"""The documentation says what the program does."""

import re
from pathlib import Path

import pytest
import typer

from dbsynth import errors
from dbsynth.cli import app
from dbsynth.config import parse

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = typer.main.get_command(app).commands


def _options() -> list[tuple[str, str, str]]:
    """Every command's options: command, spelling, help."""
    return [
        (name, word, option.help or "")
        for name, command in COMMANDS.items()
        for option in command.params
        for word in option.opts
        if word.startswith("-")
    ]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example_and_is_in_the_readme(name: str):
    text = COMMANDS[name].help or ""
    assert text.splitlines()[0].rstrip(".")
    assert f"dbsynth {name}" in text
    assert f"`dbsynth {name}" in README


def test_every_option_has_help_and_is_in_the_readme():
    assert [] == [(c, o) for c, o, text in _options() if not text]
    documented = set(re.findall(r"(?<![\w-])--?[\w-]+", README))
    assert [] == sorted({o for _, o, _ in _options()} - documented)


def test_the_readme_names_no_option_that_does_not_exist():
    known = {o for _, o, _ in _options()}
    known |= {"--help", "-h", "--version", "--install-completion", "--show-completion"}
    section = README[README.index("## Commands") : README.index("| exit code")]
    named = set(re.findall(r"`(--?[\w-]+)", section))
    assert set() == named - known


def test_the_readme_lists_every_exit_code():
    codes = {str(kind.exit_code) for kind in _error_kinds()} | {"0", "130", "143"}
    section = README[README.index("| exit code") : README.index("## dbsynth.yaml")]
    cells = re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)
    listed = {code for cell in cells for code in cell.split(", ")}
    assert codes == listed


def test_the_map_of_the_house_has_every_room_and_no_other():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = text[text.index("## A map of the house") : text.index("| place | what it is |")]
    named = set(re.findall(r"`(\w+(?:\.py|/))`", drawn)) - {"dbsynth/", "__init__.py"}
    rooms = {p.name for p in (ROOT / "dbsynth").glob("*.py")} - {"__init__.py"}
    rooms |= {f"{p.parent.name}/" for p in (ROOT / "dbsynth").glob("*/__init__.py")}
    rooms -= {"adapters/", "sql/"}  # at the top of the tree
    inner = {p.name for p in (ROOT / "dbsynth").glob("*/*.py")}
    assert set() == rooms - named
    assert set() == named - rooms - inner


def test_the_readme_needs_two_commands_to_start():
    start = README[README.index("## 60 seconds") : README.index("## Clone")]
    assert ["$ make demo", "$ make test"] == re.findall(r"^\$ .*$", start, re.MULTILINE)


def test_the_yaml_in_the_readme_is_right():
    [text] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert 4 == len(parse(text).tables)


def test_the_drawn_tree_of_errors_is_the_tree_of_classes():
    drawn = re.findall(r"^([│├└─ ]*)(\w+Error)\s+(\d+)", errors.__doc__ or "", re.MULTILINE)
    parents: list[str] = []
    tree = {}
    for lead, name, code in drawn:
        depth = len(lead) // 4
        parents[depth:] = [name]
        tree[name] = (parents[depth - 1] if depth else "Exception", int(code))
    actual = {k.__name__: (k.__base__.__name__, k.exit_code) for k in _error_kinds()}
    assert actual == tree


def test_the_changelog_has_a_section_for_what_is_not_released():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def _error_kinds() -> list[type[errors.DbsynthError]]:
    kinds = [v for v in vars(errors).values() if isinstance(v, type)]
    return [k for k in kinds if issubclass(k, errors.DbsynthError)]
