"""What the Rust sources promise about unsafe code."""

import re
from pathlib import Path

import pytest

RUST = Path(__file__).parent.parent / "rust"
SOURCES = [path for path in RUST.rglob("*.rs") if "target" not in path.parts]
RAW = RUST / "binding" / "src" / "raw.rs"
KEYWORD = re.compile(r"\bunsafe\b(?=\s*(?:\{|fn\b|impl\b|trait\b|extern\b))")
COMMENT = re.compile(r"\s*//")


def uses(text):
    """Return the numbers of the lines, from 0, with unsafe code, leaving out comments."""
    lines = text.splitlines()
    return [
        number
        for number, line in enumerate(lines)
        if KEYWORD.search(line.partition("//")[0])
        # rustfmt may break the line between the keyword and what it begins.
        or re.search(r"\bunsafe\s*$", line.partition("//")[0])
    ]


def is_justified(text, number):
    """Tell whether a SAFETY note stands right before the statement or item at this line."""
    lines = text.splitlines()
    above = number - 1
    while above >= 0 and lines[above].strip() and not re.search(r"[;{}]$", lines[above]):
        if COMMENT.match(lines[above]):
            break
        above -= 1
    note = []
    while above >= 0 and COMMENT.match(lines[above]):
        note.append(lines[above])
        above -= 1
    return bool(re.search(r"// SAFETY: \S|/// # Safety", "\n".join(note)))


def test_unsafe_code_is_in_raw_alone():
    """No other file of any crate has it, and none lifts the lint that says so."""
    assert RAW in SOURCES
    assert uses(RAW.read_text())
    for path in SOURCES:
        if path != RAW:
            text = path.read_text()
            assert uses(text) == [], path
            assert not re.search(r"(allow|expect|warn)\(.*\bunsafe", text), path


def test_every_unsafe_block_has_a_safety_note():
    """A comment directly before it says what makes it sound."""
    text = RAW.read_text()
    assert [number + 1 for number in uses(text) if not is_justified(text, number)] == []


def test_the_core_forbids_unsafe_code():
    """Not even an attribute can allow it there; the workspace denies it everywhere else."""
    core = (RUST / "core" / "src" / "lib.rs").read_text()
    assert "\n#![forbid(unsafe_code)]\n" in core
    assert '\nunsafe_code = "deny"\n' in (RUST.parent / "Cargo.toml").read_text()
    for crate in ("core", "binding"):
        assert "[lints]\nworkspace = true\n" in (RUST / crate / "Cargo.toml").read_text()


@pytest.mark.parametrize(
    ("text", "found", "justified"),
    [
        ("let a = 1;\nlet b = unsafe { f() };\n", True, False),
        ("// SAFETY: it is.\nlet b = unsafe { f() };\n", True, True),
        ("// SAFETY: it is,\n// really.\nlet b: u8 =\n    unsafe { f() };\n", True, True),
        ("// SAFETY: another's.\nf();\nunsafe { g() };\n", True, False),
        ("// SAFETY: another's.\n\nunsafe { g() };\n", True, False),
        ("// SAFETY:\nunsafe { g() };\n", True, False),
        ("// Safe enough.\nunsafe impl Send for A {}\n", True, False),
        ("/// # Safety\n///\n/// Be attached.\nunsafe fn f() {}\n", True, True),
        ("// An unsafe fn would be wrong here.\nfn f() {}\n", False, True),
        ("#![forbid(unsafe_code)]\n", False, True),
    ],
)
def test_the_search_itself_finds_what_it_is_for(text, found, justified):
    """On small sources, with and without a note."""
    numbers = uses(text)
    assert bool(numbers) is found
    assert all(is_justified(text, number) for number in numbers) is justified
