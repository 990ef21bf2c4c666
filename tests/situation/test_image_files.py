"""The files that pick the image, in commits: what a push, the status and the audit say of them."""

from __future__ import annotations

import json
import sys

import pytest

from guard.config import Image
from guard.errors import GitError
from guard.git.objects import ObjectPool, ObjectReader
from guard.git.store import Store
from guard.model import Result
from guard.situation.image_files import image_pins
from guard.situation.values import ImagePins
from tests.workshop import GUARD_TOML, Repo, Workshop

NAME = "localhost/aula"
IMAGE = Image(NAME)
BAD = {
    ".travis.yml": f"env:\n  - AULA_IMAGE={NAME}:0.4 X=1\n",
    "Makefile": f"AULA_IMAGE={NAME}\nx:\n\tdocker run $(AULA_IMAGE)\n",
    "docker/run.sh": f"docker run {NAME}:0.4\n",
    "README.md": f"docker pull {NAME}:latest\n",
    "docker/README": f"docker pull {NAME}:latest\n",
}
TOLD = (
    f"aula names its image in different ways: {NAME}:0.4 (.travis.yml:2, docker/run.sh:1), "
    f"{NAME} (Makefile:1)"
)


def pins(
    at: Repo, image: Image = IMAGE, kept: dict[tuple[str, ...], ImagePins] | None = None
) -> ImagePins:
    with ObjectPool() as pool:
        store = Store(pool, (at.repository,))
        root = store.root(at.head)
        assert root is not None
        kept = {} if kept is None else kept
        return image_pins(store, pool.reader(at.repository), root.tree, image, kept)


def places(found: ImagePins) -> list[str]:
    return [f"{item.path}:{item.line} {item.reference}" for item in found.mentions]


def picks(workshop: Workshop, files: dict[str, str], toml: str = GUARD_TOML) -> None:
    """Aula with these files, pinned and tested."""
    workshop.aula.commit("Pick the image", files)
    workshop.docker.write({".guard.toml": toml})
    workshop.docker.git("add", ".guard.toml")
    publish(workshop)


def publish(workshop: Workshop) -> None:
    """Pin what aula has, as others can fetch it, with a passed verdict."""
    workshop.publish("aula")
    workshop.pin()
    workshop.verdict()


class TestFiles:
    def test_those_that_count(self, workshop: Workshop) -> None:
        workshop.aula.commit("x", {**BAD, "src/run.sh": f"docker run {NAME}:0.9"})
        assert places(pins(workshop.aula)) == [
            f".travis.yml:2 {NAME}:0.4",
            f"Makefile:1 {NAME}",
            f"docker/run.sh:1 {NAME}:0.4",
        ]

    def test_the_patterns(self, workshop: Workshop) -> None:
        files = ("a/b/c.txt", "a/d.txt", "e/f.txt", "e/g/f.txt", "ä ö/ü.txt")
        workshop.aula.commit("x", dict.fromkeys(files, f"{NAME}:1\n"))
        for patterns, expected in (
            (("a/**",), ["a/b/c.txt", "a/d.txt"]),
            (("*/f.txt",), ["e/f.txt"]),
            (("a/*", "e/g/?.txt", "a/d.txt"), ["a/d.txt", "e/g/f.txt"]),
            (("**",), sorted(files)),
            (("ä ö/*",), ["ä ö/ü.txt"]),
            (("none/**",), []),
        ):
            found = pins(workshop.aula, IMAGE._replace(pins=patterns))
            assert [item.path for item in found.mentions] == expected

    def test_links_and_submodules_are_not_followed(self, workshop: Workshop) -> None:
        (workshop.aula.folder / "docker").mkdir()
        (workshop.aula.folder / "docker/run.sh").symlink_to("../real.txt")
        workshop.aula.commit("x", {"real.txt": NAME})
        workshop.aula.git(
            "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},docker/module"
        )
        workshop.aula.git("commit", "--quiet", "-m", "A submodule")
        assert pins(workshop.aula) == ImagePins(())

    def test_large_and_binary_ones(self, workshop: Workshop) -> None:
        other = b"\0\1" * (1 << 20)
        files: dict[str, str | bytes] = {
            "docker/a.bin": other,
            "docker/b.bin": other + NAME.encode(),
            "docker/c.bin": b"\0" + NAME.encode(),
            "docker/d.sh": f"docker run {NAME}:1\n",
        }
        workshop.aula.commit("x", files)
        found = pins(workshop.aula)
        assert places(found) == [f"docker/d.sh:1 {NAME}:1"]
        assert [item.what for item in found.unread] == [
            "docker/b.bin cannot be read: it is larger than 256 KiB",
            "docker/c.bin cannot be read: it is no text",
        ]

    def test_a_name_across_two_pieces(self, workshop: Workshop) -> None:
        padding = b"x" * ((1 << 20) - 2)
        workshop.aula.commit("x", {"docker/a.bin": padding + b"aula " + padding})
        (unread,) = pins(workshop.aula).unread
        assert unread.what.endswith("larger than 256 KiB")

    def test_more_than_anybody_has(self, workshop: Workshop) -> None:
        files = {f"docker/{n:04}.sh": f"docker run {NAME}:{n // 400}\n" for n in range(510)}
        workshop.aula.commit("x", files)
        found = pins(workshop.aula)
        assert len(found.mentions) == 500
        assert found.unread[0].what.startswith("only 500 of 511 files")

    def test_a_missing_blob_is_told_and_not_remembered(self, workshop: Workshop) -> None:
        workshop.aula.commit("x", BAD)
        blob = workshop.aula.git("rev-parse", "HEAD:Makefile")
        common = workshop.aula.repository.common_dir
        path = f"{common}/objects/{blob[:2]}/{blob[2:]}"
        with open(path, "rb") as file:
            data = file.read()
        workshop.run(["rm", "-f", path], workshop.aula)
        found = pins(workshop.aula)
        assert [item.what for item in found.unread] == [f"Makefile is missing (blob {blob})"]
        assert len(found.mentions) == 2
        with open(path, "wb") as file:
            file.write(data)
        assert len(pins(workshop.aula).mentions) == 3

    def test_a_missing_tree(self, workshop: Workshop) -> None:
        workshop.aula.commit("x", BAD)
        tree = workshop.aula.git("rev-parse", "HEAD:docker")
        common = workshop.aula.repository.common_dir
        workshop.run(["rm", "-f", f"{common}/objects/{tree[:2]}/{tree[2:]}"], workshop.aula)
        found = pins(workshop.aula)
        assert found.mentions == ()
        assert f"tree {tree} (docker) is missing" in found.unread[0].what

    def test_they_are_read_once(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        workshop.aula.commit("x", {**BAD, "docker/x.yml": "[aula"})
        kept: dict[tuple[str, ...], ImagePins] = {}
        first = pins(workshop.aula, kept=kept)
        assert len(first.unread) == 1
        workshop.aula.commit("y", {"src/Main.hs": "main = pure ()\n"})

        def refuse(_: ObjectReader, name: str) -> None:
            raise GitError(f"{name} is read again")

        monkeypatch.setattr(ObjectReader, "stream", refuse)
        assert pins(workshop.aula, kept=kept) == first
        other = pins(workshop.aula, IMAGE._replace(also=("x/aula",)), kept)
        assert len(other.unread) == 5  # other names are another question


class TestPush:
    def test_a_warning_is_one_line_each_time(self, workshop: Workshop) -> None:
        picks(workshop, BAD)
        workshop.install()
        for branch in ("first", "remembered"):
            ran = workshop.push(workshop.docker, "origin", f"HEAD:refs/heads/{branch}")
            assert ran.status == 0
            assert ran.err.count("aula names its image") == 1
            assert f"guard: warning: {TOLD}\n" in ran.err
        ran = workshop.push(workshop.aula, "origin", "HEAD:refs/heads/topic")
        assert (ran.status, ran.err.count(TOLD)) == (0, 1)

    def test_an_error_blocks_and_shows_the_edits(self, workshop: Workshop) -> None:
        picks(workshop, BAD, GUARD_TOML + '[rules]\nimage-pin = "error"\n')
        workshop.install()
        ran = workshop.push(workshop.docker)
        assert ran.status == 1
        assert f"error image-pin: {TOLD}\n" in ran.err
        assert f"Makefile:1  AULA_IMAGE={NAME}\n" in ran.err
        assert f"mend:     you: edit Makefile:1: {NAME} -> {NAME}:0.4\n" in ran.err
        assert workshop.remote_head("aula-docker") is None
        workshop.aula.commit("Mend it", {"Makefile": f"AULA_IMAGE={NAME}:0.4\n"})
        publish(workshop)
        mended = workshop.push(workshop.docker)
        assert mended.status == 0
        assert "image-pin" not in mended.err

    def test_a_warning_is_not_remembered_for_another_policy(self, workshop: Workshop) -> None:
        picks(workshop, BAD)
        assert workshop.guard("check").status == 0
        # The key is the same: the configuration is no part of it.
        toml = GUARD_TOML + '[rules]\nimage-pin = "error"\n'
        workshop.docker.commit("Be strict", {".guard.toml": toml})
        assert workshop.guard("check").status == 1
        quiet = GUARD_TOML.replace("[image]\n", "[image]\npins = []\n")
        workshop.docker.commit("Look nowhere", {".guard.toml": quiet})
        ran = workshop.guard("check")
        assert (ran.status, "image-pin" in ran.out) == (0, False)

    @pytest.mark.parametrize(("weight", "status"), [("warning", 0), ("error", 3)])
    def test_what_cannot_be_parsed(self, workshop: Workshop, weight: str, status: int) -> None:
        toml = GUARD_TOML + f'[rules]\nimage-pin = "{weight}"\n'
        picks(workshop, {".gitlab-ci.yml": f"image: [{NAME}\n"}, toml)
        ran = workshop.guard("check")
        assert ran.status == status
        assert ".gitlab-ci.yml cannot be read: it is no YAML: line 2" in ran.out

    def test_yaml_is_not_imported_for_files_that_are_known(self, workshop: Workshop) -> None:
        picks(workshop, BAD)
        assert workshop.guard("check").status == 0
        code = (
            "import sys; from guard.cli import main; status = main(['check'])\n"
            "sys.exit(10 + ('yaml' in sys.modules))"
        )
        ran = workshop.run([sys.executable, "-I", "-c", code], workshop.docker)
        assert ran.status == 10, ran.text
        assert TOLD in ran.out


def test_the_status_shows_it(workshop: Workshop) -> None:
    picks(workshop, BAD)
    assert f"warning image-pin: {TOLD}\n" in workshop.guard("status").out


class TestAudit:
    def history(self, workshop: Workshop) -> dict[str, str]:
        """The shapes of 2016: two names, no tag, one tag in two of three files, the same tag."""
        where = (".travis.yml", "Makefile", "docker/run.sh")
        forms = ("env:\n  - A={}\n", "A={}\n", "docker run {}\n")
        steps = {
            "names": (NAME, "fisx/aula", NAME),
            "untagged": (NAME, NAME, NAME),
            "tags": (f"{NAME}:0.5", NAME, f"{NAME}:0.5"),
            "good": (f"{NAME}:0.5",) * 3,
        }
        return {
            key: workshop.aula.commit(
                key,
                {
                    path: form.format(image)
                    for path, form, image in zip(where, forms, images, strict=True)
                },
            )
            for key, images in steps.items()
        }

    def test_it_tells_the_warnings_of_one_rule(self, workshop: Workshop) -> None:
        commits = self.history(workshop)
        ran = workshop.guard(
            *("audit", "--consumer", "--json", "--rules", "image-pin", "--max-count=4"),
            at=workshop.aula,
        )
        found = {
            item["commit"]: [finding["message"] for finding in item["findings"]]
            for item in json.loads(ran.out)["decisions"]
        }
        assert found[commits["good"]] == []
        for key in ("names", "tags"):
            (message,) = found[commits[key]]
            assert message.startswith("aula names its image in different ways: ")
        (message,) = found[commits["untagged"]]
        assert message.startswith("aula names its image without a tag: ")

    def test_the_table(self, workshop: Workshop) -> None:
        commits = self.history(workshop)
        workshop.require(">=0.9")
        words = ("audit", "--consumer", "--max-count=5")
        out = workshop.guard(*words, "--rules=image-pin", at=workshop.aula).out
        assert "5 commits: 5 allowed" in out
        assert f"{commits['tags'][:8]}  " in out
        assert "image-pin             3" in out
        assert "dependency-match" not in out
        assert "image-pin" not in workshop.guard(*words, at=workshop.aula).out

    def test_rules_that_ask_for_a_verdict_do(self, workshop: Workshop) -> None:
        workshop.verdict(Result.FAILED_TEST)
        out = workshop.guard("audit", "--rules", "tested").out
        assert "1 commit: 0 allowed, 1 blocked" in out

    def test_no_such_rule(self, workshop: Workshop) -> None:
        ran = workshop.guard("audit", "--rules", "image-pn")
        assert ran.status == 2
        assert "'image-pn' is no rule that can be asked here" in ran.err
