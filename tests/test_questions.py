"""A question that has one answer is asked in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from tests.test_imports import modules

BRANCHES = "guard.situation.branches"
COMMITS = "guard.git.commits"
REMOTES = "guard.git.remotes"
# The module that answers a question, and what code would say that answers it by itself.
ANSWERS = {
    "which names a default branch may have": (BRANCHES, r"\(main\|master\)"),
    "what the HEAD of a remote follows": (BRANCHES, r"refs/remotes/.*HEAD|^tracking_ref .*HEAD"),
    "where a branch comes from": (BRANCHES, r"branch\.[^ ]*\.(remote|merge)"),
    "where a branch is pushed to": (BRANCHES, r"\.pushremote|remote\.pushdefault|push\.default"),
    "which remote is the usual one": (BRANCHES, r"^origin$|remote\.origin\."),
    "what HEAD is at": ("guard.git.refs", r"^symbolic-ref$"),
    "which remote a URL is of": ("guard.situation.gitlinks", r"\b(remotes|here)\.(at|places) "),
    "whether a repository has a commit": (COMMITS, r"(--verify --quiet|cat-file -e) \*$"),
    "what leads to a commit": (COMMITS, r"--contains"),
    "what people call a commit": (COMMITS, r"^describe$"),
    # A remedy names that command as well.
    "what a remote has": (REMOTES, r"^ls-remote |\.(run|text|lines|start)\w* ls-remote"),
}
# Other questions in the same words.
OTHERS = {
    # Of a merge into these git writes no "into".
    ("guard.git.history", "which names a default branch may have"),
    # What a remote is called where there is none yet.
    ("guard.situation.destinations", "which remote is the usual one"),
    ("guard.situation.unpublished", "which remote is the usual one"),
    # What a tag of some name is at, and whether a tree is here.
    ("guard.recovery.known_good", "whether a repository has a commit"),
    ("guard.recovery.plan", "whether a repository has a commit"),
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
        question
        for question, (_, sign) in ANSWERS.items()
        if any(re.search(sign, text) for text in said)
    }


def test_each_question_is_answered_in_one_module() -> None:
    answering = {
        (name, question)
        for name, path in modules().items()
        if not name.startswith("guard.demo")  # it makes a world of its own
        for question in signs(path.read_text())
    }
    assert answering == {
        *OTHERS,
        *((module, question) for question, (module, _) in ANSWERS.items()),
    }


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
        "remote = next(iter(tracking.remotes.at(wanted)))",
        'words = ("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")',
        'repository.run("cat-file", "-e", commit, ok=(0, 1))',
        'repository.lines("for-each-ref", f"--contains={commit}", "refs/heads/")',
        'repository.text("branch", "--contains", commit)',
        'name = repository.text("describe", "--tags", commit)',
        'words = ("ls-remote", "--heads", remote)',
        'repository.run_as_user("ls-remote", remote)',
    ],
)
def test_a_second_place_would_be_seen(code: str) -> None:
    assert signs(code)


def test_what_only_tells_of_them_is_let_alone() -> None:
    assert not signs('"""It is main or master, refs/remotes/origin/HEAD, of origin."""')
    assert not signs('remedy = f"{git} fetch origin {commit}"')
    assert not signs('remedy = git(repository, "ls-remote", "--tags", remote)')
