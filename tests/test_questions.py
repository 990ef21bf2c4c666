"""A question that has one answer is asked in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.test_imports import modules

# Answered in `guard.git.refs`.
HEAD = "what HEAD is at"
BRANCHES = "guard.situation.branches"
# What code would say that answers a question of `guard.situation.branches` by itself.
SIGNS = {
    "which names a default branch may have": r"\(main\|master\)",
    "what the HEAD of a remote follows": r"refs/remotes/.*HEAD|^tracking_ref .*HEAD",
    "where a branch comes from": r"branch\.[^ ]*\.(remote|merge)",
    "where a branch is pushed to": r"\.pushremote|remote\.pushdefault|push\.default",
    "which remote is the usual one": r"^origin$|remote\.origin\.",
    HEAD: r"^symbolic-ref$",
}
# Until they are moved, and what is another question in the same words.
OTHERS = {
    # Of a merge into these git writes no "into".
    ("guard.git.history", "which names a default branch may have"),
    ("guard.git.refs", HEAD),
    # What a remote is called where there is none yet.
    ("guard.gate.situation", "which remote is the usual one"),
}


def texts(source: str) -> Iterator[str]:
    """The strings of a module, those of docstrings left out; lists of strings as one."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in told:
                yield node.value
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            words = _words(node.elts)
            yield " ".join(words)
            yield f"({'|'.join(sorted({'main', 'master'} & set(words)))})"
        elif isinstance(node, ast.Call):
            yield " ".join((ast.unparse(node.func), *_words(node.args)))


def _words(nodes: Iterable[ast.expr]) -> list[str]:
    return [str(node.value) if isinstance(node, ast.Constant) else "*" for node in nodes]


def signs(source: str) -> set[str]:
    said = list(texts(source))
    return {
        question for question, sign in SIGNS.items() if any(re.search(sign, text) for text in said)
    }


def test_default_branches_and_remotes_are_made_out_in_one_module() -> None:
    answering = {
        (name, question)
        for name, path in modules().items()
        if not name.startswith("guard.demo")  # it makes a world of its own
        for question in signs(path.read_text())
    }
    assert answering == {*OTHERS, *((BRANCHES, question) for question in SIGNS if question != HEAD)}


@pytest.mark.parametrize(
    "code",
    [
        'for name in ("HEAD", "main", "master"): pass',
        '_MAIN = ["master", "main"]',
        'ref = f"refs/remotes/{remote}/HEAD"',
        'ref = "refs/remotes/origin/HEAD"',
        'ref = tracking_ref(remote, "HEAD")',
        'ref = repository.text("symbolic-ref", "--quiet", "HEAD")',
        'words = ("symbolic-ref", "HEAD")',
        'name = options.get(f"branch.{branch}.remote", fallback)',
        'name = dict(options).get("remote.pushdefault")',
        'remote = remotes.named("origin")',
        'url = repository.text("config", "--get", "remote.origin.url")',
    ],
)
def test_a_second_place_would_be_seen(code: str) -> None:
    assert signs(code)


def test_what_only_tells_of_them_is_let_alone() -> None:
    assert not signs('"""It is main or master, refs/remotes/origin/HEAD, of origin."""')
    assert not signs('remedy = f"{git} fetch origin {commit}"')
