"""How aula's files name the image, and whether CI would take the one that passed: `image-pin` and
`image-published`.
"""

from __future__ import annotations

from tests.golden.scene import Scene
from tests.workshop import GUARD_TOML

_BLOCKING = '[rules]\nimage-pin = "error"\n'
_PUBLISHED = '[rules]\nimage-published = "error"\n'


def _pass_ci(scene: Scene, files: dict[str, str | bytes], rules: str = "") -> str:
    """Push an aula with these files of its CI."""
    scene.configure(rules)
    scene.pass_aula(files)
    return scene.topic()


def _travis(*references: str) -> dict[str, str | bytes]:
    """A .travis.yml that pulls these images."""
    lines = "".join(f"  - docker pull {reference}\n" for reference in references)
    return {".travis.yml": f"install:\n{lines}"}


# image-pin


def one_tag_that_stays(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula:0.3", "localhost/aula:0.3"), _BLOCKING)


def different_tags(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula:0.3", "localhost/aula:0.2"))


def different_tags_where_that_blocks(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula:0.3", "localhost/aula:0.2"), _BLOCKING)


def no_tag_where_that_blocks(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula"), _BLOCKING)


def latest_where_that_blocks(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula:latest"), _BLOCKING)


def a_tag_that_is_not_written_down_where_that_blocks(scene: Scene) -> str:
    return _pass_ci(scene, _travis("localhost/aula:$TAG"), _BLOCKING)


def a_ci_file_that_cannot_be_read(scene: Scene) -> str:
    return _pass_ci(scene, {".travis.yml": "localhost/aula: [\n"})


def a_ci_file_that_cannot_be_read_where_that_blocks(scene: Scene) -> str:
    return _pass_ci(scene, {".travis.yml": "localhost/aula: [\n"}, _BLOCKING)


# image-published: pushes of aula


def _pass_another_thentos(scene: Scene, toml: str = GUARD_TOML, published: bool = False) -> str:
    """Push an aula that has passed with a thentos which aula-docker's remote does not pin yet."""
    scene.configure("", toml)
    scene.share()
    scene.release("0.3.1")
    scene.publish("thentos")
    scene.aula.commit("Go on", {"word": "x"})
    scene.pin()
    scene.verdict(published=published)
    return scene.aula_topic()


def an_image_that_was_not_published(scene: Scene) -> str:
    return _pass_another_thentos(scene)


def an_image_that_was_not_published_where_that_blocks(scene: Scene) -> str:
    return _pass_another_thentos(scene, GUARD_TOML + _PUBLISHED)


def an_image_that_was_published(scene: Scene) -> str:
    return _pass_another_thentos(scene, GUARD_TOML + _PUBLISHED, published=True)


def an_image_that_goes_to_no_registry(scene: Scene) -> str:
    toml = GUARD_TOML.replace("[image]\n", "[image]\npublish = false\n")
    return _pass_another_thentos(scene, toml + _PUBLISHED)


def an_image_of_which_the_remote_is_not_known_where_that_blocks(scene: Scene) -> str:
    """The configuration on the remote cannot be read."""
    scene.configure("[guard\n", "")
    scene.share()
    scene.configure(_PUBLISHED)
    scene.aula.commit("Go on", {"word": "x"})
    scene.pass_pinned()
    return scene.aula_topic()
