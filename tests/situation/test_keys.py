"""Two combinations have one key if, and only if, they have the same content."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from guard.config import FILE, Config, Image
from guard.git.memo import Memo
from guard.git.objects import ObjectPool
from guard.git.store import Store as Objects
from guard.model import Combination
from guard.situation.assembly import assemble
from guard.situation.contents import Submodules
from guard.situation.workspace import Workspace
from tests.engine.trees import Content, Link, Program, Store, Submodule
from tests.workshop import lasting_folder

CONFIG = Config(image=Image(ignore=("docs", "lib/README")))
CONTENTS: st.SearchStrategy[Content] = st.sampled_from(["x", "y", Program("x"), Link("x")])
FILES = st.dictionaries(
    st.sampled_from(["a", "docs/a", "docs/b/c", "docs.b", "lib/README", "lib/a", FILE]),
    CONTENTS,
    max_size=3,
)


class Part(NamedTuple):
    """A submodule, or a folder with the same in it."""

    files: Mapping[str, Content]
    is_submodule: bool
    message: str
    inner: Part | None = None


class Whole(NamedTuple):
    """A superproject and what is at ``aula``, with what is at ``aula/inner``."""

    files: Mapping[str, Content]
    aula: Part


def parts(inner: st.SearchStrategy[Part] | st.SearchStrategy[None]) -> st.SearchStrategy[Part]:
    return st.builds(Part, FILES, st.booleans(), st.sampled_from(["one", "two"]), inner)


WHOLE = st.builds(Whole, FILES, parts(st.none()) | parts(parts(st.none())))


def modules(**paths: str) -> dict[str, Content]:
    """The same text wherever a part is a folder, too."""
    sections = (f'[submodule "{name}"]\n\tpath = {path}\n' for name, path in paths.items())
    return {".gitmodules": "".join(sections)}


@cache
def store() -> Store:
    """One repository for everything."""
    made = Store(lasting_folder() / "all.git")
    (made.folder / "modules").mkdir()
    for name in ("aula", "inner"):
        (made.folder / "modules" / name).symlink_to(made.folder)
    return made


def files_of(part: Part) -> dict[str, Content]:
    files = {**part.files, **modules(inner="inner")}
    return {**files, **(placed(part.inner, "inner") if part.inner is not None else {})}


def placed(part: Part, path: str) -> dict[str, Content]:
    if not part.is_submodule:
        return {f"{path}/{name}": content for name, content in files_of(part).items()}
    tree = store().tree(files_of(part))
    who = "somebody <s@example.org> 0 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{part.message}\n"
    return {path: Submodule(store().put("commit", text.encode()))}


def key(whole: Whole) -> str:
    files = {
        **whole.files,
        **modules(aula="aula", inner="aula/inner"),
        **placed(whole.aula, "aula"),
    }
    repository = store().repository
    workspace = Workspace(repository, repository)
    with ObjectPool() as pool:
        submodules = Submodules(workspace, pool, CONFIG, Memo(str(store().folder)))
        combination = Combination(store().tree(files))
        return assemble(submodules, Objects(pool, (repository,)), combination).key


def content(whole: Whole) -> dict[str, str]:
    """Path -> what is there; all that is to count."""

    def inside(part: Part, path: str) -> dict[str, str]:
        files = {f"{path}/{name}": repr(each) for name, each in part.files.items()}
        files[path] = "a submodule" if part.is_submodule else "a folder"
        return {**files, **(inside(part.inner, f"{path}/inner") if part.inner else {})}

    ignored = (FILE, "docs/a", "docs/b/c", "lib/README")
    own = {name: repr(each) for name, each in whole.files.items() if name not in ignored}
    return {**own, **inside(whole.aula, "aula")}


@settings(max_examples=150, deadline=None)
@given(WHOLE, st.data())
def test_the_key_changes_with_the_content_and_with_nothing_else(
    first: Whole, data: st.DataObject
) -> None:
    whole = key(first)
    inner = first.aula.inner
    turned = [first._replace(aula=first.aula._replace(is_submodule=not first.aula.is_submodule))]
    said = [first._replace(aula=first.aula._replace(message="three"))]
    if inner is not None:
        for each, changed in ((turned, not inner.is_submodule), (said, inner.is_submodule)):
            other = inner._replace(is_submodule=changed, message="three")
            each.append(first._replace(aula=first.aula._replace(inner=other)))
    assert whole not in map(key, turned)
    assert {whole} == set(map(key, said))
    files = first._replace(files=data.draw(FILES))
    part = first._replace(aula=first.aula._replace(files=data.draw(FILES)))
    for second in (files, part, data.draw(WHOLE)):
        assert (key(second) == whole) is (content(second) == content(first))
