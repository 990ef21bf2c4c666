"""Which image a file names: YAML, Makefiles, Dockerfiles and scripts."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guard.ci.image_mentions import mentions_in
from guard.ci.lines import MAX_BYTES, UnreadableError

IMAGE = "quay.io/liqd/aula"
NAMES = (IMAGE, "fisx/aula")
DIGEST = "sha256:" + "1f" * 32

TRAVIS = """\
language: c
env:
    # - AULA_IMAGE=quay.io/liqd/aula:old
    - AULA_IMAGE=quay.io/liqd/aula:thentos-0.5 AULA_SOURCE=/liqd/aula
install:
    - docker pull $AULA_IMAGE
script:
    - docker run --rm -v `pwd`:$AULA_SOURCE $AULA_IMAGE /bin/sh -c "$AULA_SOURCE/x.sh"
"""
WORKFLOW = """\
on: push
env: {NAME: quay.io/liqd/aula, TAG: 0.10}
jobs:
  one:
    container: fisx/aula:0.4
    services:
      db: {image: "quay.io/liqd/aula@DIGEST"}
    steps:
      - uses: docker://quay.io/liqd/aula:0.5
      - run: |
          # docker pull quay.io/liqd/aula:commented
          docker pull ${{ env.NAME }}:${{ env.TAG }}
          docker run quay.io/liqd/aula:${{ github.sha }} make
""".replace("DIGEST", DIGEST)


def found(path: str, text: str | bytes, names: tuple[str, ...] = NAMES) -> list[tuple[int, str]]:
    data = text.encode() if isinstance(text, str) else text
    return [(item.line, item.reference) for item in mentions_in(data, path, names)]


def test_travis() -> None:
    (mention,) = mentions_in(TRAVIS.encode(), ".travis.yml", NAMES)
    assert (mention.line, mention.reference) == (4, f"{IMAGE}:thentos-0.5")
    assert mention.text.startswith("- AULA_IMAGE=quay.io")


def test_a_workflow() -> None:
    assert found("x.yaml", WORKFLOW) == [
        (5, "fisx/aula:0.4"),
        (7, f"{IMAGE}@{DIGEST}"),
        (9, f"{IMAGE}:0.5"),
        (12, f"{IMAGE}:0.10"),
        (13, f"{IMAGE}:${{{{ github.sha }}}}"),
    ]


def test_every_document_of_a_file() -> None:
    text = f"spec: {{}}\n---\nimage: {IMAGE}\n---\nimage: {IMAGE}:2\n"
    assert found(".gitlab-ci.yml", text) == [(3, IMAGE), (5, f"{IMAGE}:2")]


@pytest.mark.parametrize(
    ("path", "line", "expected"),
    [
        ("run.sh", "docker run IMG:0.4 bash", ":0.4"),
        ("run.sh", "docker run --rm -v /a:/b IMG", ""),
        ("run.sh", 'sh -c "docker run IMG:0.4"', ":0.4"),
        ("run.sh", "x=$(docker images -q IMG:0.4)", ":0.4"),
        ("run.sh", 'docker ps -q --filter="ancestor=IMG"', ""),
        ("run.sh", "docker run IMG:0.4;echo", ":0.4"),
        ("run.sh", "docker run ${X:-IMG:0.4}", ":0.4"),
        ("run.sh", "docker run IMG:${TAG:-0.4}", ":0.4"),
        ("run.sh", "docker run IMG:$TAG", ":$TAG"),
        ("run.sh", "docker run IMG:x-${TAG}", ":x-${TAG}"),
        ("run.sh", "docker build -t IMG:$(git describe) .", ":$(git describe)"),
        ("run.sh", "docker build -t IMG:`git describe` .", ":`git describe`"),
        ("run.sh", "docker build -t IMG:$(git describe $(x)) .", ":$(git"),
        ("run.sh", 'docker run "IMG":"$(git describe $(x))" x', ":$(git"),
        ("run.sh", "docker run IMG:v-${A:+x-${B}} x", ":v-${A:+x-${B}}"),
        ("run.sh", "T=`git describe --all`; docker run IMG:$T x", ":`git describe --all`"),
        ("Makefile", "T := $(shell git describe)\n\tdocker run IMG:$(T)", ":$(shell git describe)"),
        ("run.sh", f"docker run IMG:0.4@{DIGEST}", f":0.4@{DIGEST}"),
        ("run.sh", "echo 'no # comment' IMG:0.4 # IMG:0.5", ":0.4"),
        ("run.sh", "echo a#b IMG:0.4", ":0.4"),
        ("run.sh", 'docker run IMG:"$TAG" x', ":$TAG"),
        ("run.sh", 'docker run "IMG":"x-$TAG" x', ":x-$TAG"),
        ("run.sh", "docker run IMG:'0.4' x", ":0.4"),
        ("run.sh", "docker run IMG:%TAG% x", ":%TAG%"),
        ("run.sh", "docker run IMG:@TAG@ x", ":@TAG@"),
        ("x.yml", "image: IMG:<< pipeline.parameters.tag >>", ":<< pipeline.parameters.tag >>"),
        ("x.yml", "image: IMG:x-<<parameters.tag>>", ":x-<<parameters.tag>>"),
        ("x.yml", "image: IMG:$[[ inputs.tag ]]", ":$[[ inputs.tag ]]"),
        ("x.yml", "image: 'IMG:$[variables.tag]'", ":$[variables.tag]"),
        ("x.yml", "image: 'IMG:{{ tag }}-ci'", ":{{ tag }}-ci"),
        ("x.yml", "image: 'IMG:#{tag}'", ":#{tag}"),
        ("Makefile", "A ?= IMG:0.4", ":0.4"),
        ("Makefile", "A := IMG:0.4# IMG:0.5", ":0.4"),
        ("Makefile", "A = don't IMG:0.4 # IMG:0.5", ":0.4"),
        ("Makefile", "\tdocker run IMG:$(TAG)", ":$(TAG)"),
        ("Dockerfile", "FROM --platform=linux/amd64 IMG:0.4 AS base", ":0.4"),
        ("Dockerfile", "COPY --from=IMG:0.4 /a /b", ":0.4"),
        ("x.yml", "image: IMG:0.4", ":0.4"),
        ("x.yml", "- {image: 'IMG'}", ""),
        ("x.yml", "run: >\n  docker run\n  IMG:0.4", ":0.4"),
    ],
)
def test_one_line(path: str, line: str, expected: str) -> None:
    references = [text for _, text in found(path, line.replace("IMG", IMAGE))]
    assert references == [f"{IMAGE}{expected}"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("run.sh", "# docker run IMG"),
        ("run.sh", "make  # IMG"),
        ("run.sh", "docker run my-IMG:0.4"),
        ("run.sh", "docker run x/IMG"),
        ("run.sh", "docker run IMG-base:0.4"),
        ("run.sh", "docker run IMG/base:0.4"),
        ("run.sh", "curl https://IMG"),
        ("run.sh", "docker run -v IMG:/data other"),
        ("run.sh", "docker run Quay.io/liqd/aula"),
        ("Makefile", "#A = IMG"),
        ("Makefile", "\t@# IMG"),
        ("x.yml", "a: b # IMG"),
        ("x.yml", "# IMG\na: b"),
    ],
)
def test_what_is_no_mention(path: str, line: str) -> None:
    assert found(path, line.replace("IMG", IMAGE)) == []


@pytest.mark.parametrize(
    "spelled",
    [
        *("fisx/aula", "docker.io/fisx/aula", "index.docker.io/fisx/aula"),
        "registry-1.docker.io/fisx/aula",
    ],
)
@pytest.mark.parametrize("configured", ["fisx/aula", "docker.io/fisx/aula"])
def test_names_of_dockers_own_registry(spelled: str, configured: str) -> None:
    assert found("x.yml", f"image: {spelled}:1", (configured,)) == [(1, "fisx/aula:1")]
    assert found("x.yml", f"uses: docker://{spelled}:1", (configured,)) == [(1, "fisx/aula:1")]
    for other in (f"example.org/{spelled}:1", f"quay.io/{configured}:1", "library/fisx/aula:1"):
        assert found("x.yml", f"image: {other}", (configured,)) == []


@pytest.mark.parametrize("prefix", ["", "library/", "docker.io/", "docker.io/library/"])
def test_an_official_image(prefix: str) -> None:
    assert found("x.yml", f"image: {prefix}aula", ("aula",)) == [(1, "aula")]
    assert found("a.sh", f"docker run {prefix}aula:1", ("docker.io/library/aula",)) == [
        (1, "aula:1")
    ]
    assert found("x.yml", f"image: docker.io/{prefix}{IMAGE}") == []


class TestVariables:
    """What the file sets itself is known."""

    def test_name_and_tag_in_two(self) -> None:
        text = f"IMAGE={IMAGE}\nTAG='0.7'\ndocker pull $IMAGE:$TAG\n"
        assert found("run.sh", text) == [(3, f"{IMAGE}:0.7")]

    def test_of_make(self) -> None:
        text = f"pull:\n\tdocker pull $(IMAGE):$(TAG)\nIMAGE = {IMAGE}\nTAG = 0.7\n"
        assert found("Makefile", text) == [(2, f"{IMAGE}:0.7")]

    def test_a_name_in_pieces(self) -> None:
        text = "WHERE=quay.io/liqd\nIMAGE=$WHERE/aula:0.7\n"
        assert found("run.sh", text) == [(2, f"{IMAGE}:0.7")]

    def test_a_use_is_no_second_mention(self) -> None:
        assert found("run.sh", f"A={IMAGE}:1\ndocker run $A\ndocker run -v $A:/x b\n") == [
            (1, f"{IMAGE}:1")
        ]

    def test_the_value_before_the_use_counts(self) -> None:
        text = f"I={IMAGE}\nT=1\ndocker pull $I:$T\nT=2\ndocker pull $I:$T\n"
        assert found("run.sh", text) == [(3, f"{IMAGE}:1"), (5, f"{IMAGE}:2")]


class TestABareName:
    """``aula`` is also a folder, a user and a word."""

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            ("x.yml", "image: aula"),
            ("x.yml", "services: {db: {image: aula}}"),
            ("x.yml", "image: {name: aula, entrypoint: ['']}"),
            ("x.yml", "services: [aula]"),
            ("x.yml", "services: [{name: aula, alias: db}]"),
            ("x.yml", "container: aula"),
            ("x.yml", "docker: [{image: aula}]"),
            ("x.yml", "uses: docker://aula"),
            ("run.sh", "AULA_IMAGE=aula"),
            ("Dockerfile", "FROM aula"),
            ("run.sh", "docker ps --filter ancestor=aula"),
        ],
    )
    def test_where_an_image_stands(self, path: str, line: str) -> None:
        assert found(path, line, ("aula",)) == [(1, "aula")]

    @pytest.mark.parametrize(
        "line", ["cd aula", "make aula", "user=aula", "echo aula", "a -> aula"]
    )
    def test_elsewhere(self, line: str) -> None:
        assert found("run.sh", line, ("aula",)) == []

    def test_with_a_tag_everywhere(self) -> None:
        assert found("run.sh", "docker run aula:0.4", ("aula",)) == [(1, "aula:0.4")]


class TestHostile:
    """Whatever stands in a file, it is read or said to be unreadable, and soon."""

    @pytest.mark.parametrize(
        ("path", "data", "reason"),
        [
            ("x.yml", b"image: [quay.io/liqd/aula", "no YAML: line"),
            ("x.yml", b"a: *b\nc: aula\n", "no YAML: line 1"),
            ("x.yml", b"[" * 5000 + b"aula", "no YAML"),
            ("x.yml", b"aula\n---\n" * 30, "more than 20 documents"),
            ("run.sh", b"aula \0 ", "no text"),
            ("run.sh", b"aula " * MAX_BYTES, "larger than 256 KiB"),
        ],
    )
    def test_what_cannot_be_read(self, path: str, data: bytes, reason: str) -> None:
        with pytest.raises(UnreadableError, match=reason):
            mentions_in(data, path, NAMES)

    @pytest.mark.parametrize("data", [b"[", b"\0" * 99, b"x" * (MAX_BYTES + 1), b"\xff\xfe"])
    def test_what_does_not_name_it_is_not_read(self, data: bytes) -> None:
        assert mentions_in(data, "x.yml", NAMES) == []

    @pytest.mark.parametrize(
        "line",
        [
            "'" * 9999,
            '"\\' * 9999,
            "#" * 9999,
            "${A:-" * 9999,
            "${{ " * 9999,
            "a" * 9999,
            "a " * 9999,
            "A" + " " * 9999,
            f"{IMAGE}:" * 500,
            f"{IMAGE}:" + "$(" * 9999,
            f"{IMAGE}:" + "a`" * 9999,
            f"{IMAGE}@" + "a" * 9999,
        ],
    )
    def test_many_of_them(self, line: str) -> None:
        lines = [line] * max(1, min(10_000, MAX_BYTES // len(line) - 20))
        text = "\n".join([f"docker run {IMAGE}:1", *lines])
        for path in ("run.sh", "Makefile", "Dockerfile"):
            assert (1, f"{IMAGE}:1") in found(path, text)

    def test_variables_without_end(self) -> None:
        text = f"{IMAGE}:1\n" + "A=$A$A$A$A$A$A$A$A\n" * 10_000
        with pytest.raises(UnreadableError, match="uses variables more than 10000 times"):
            found("run.sh", text)

    def test_ten_thousand_mentions_are_not_all_told(self) -> None:
        assert len(found("run.sh", f"{IMAGE}:1\n" * 10_000)) == 200

    @pytest.mark.parametrize("words", ["IMG:1 ", "A=IMG:1 ", "IMG:$( ", '$(IMG:"'])
    def test_a_line_with_the_same_8000_times(self, words: str) -> None:
        begun = time.process_time()
        assert len(found("run.sh", words.replace("IMG", IMAGE) * 8_000)) == 1
        assert time.process_time() - begun < 2

    def test_an_alias_bomb(self) -> None:
        levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))
        assert found("x.yml", f"l0: &l0 {IMAGE}\n{levels}\n") == [(1, IMAGE)]


WORDS = (
    f"{IMAGE} fisx/aula : @ 0.4 latest $ {{ }} ( ) = # ' \" ` \\ A $A ${{A}} $(A) - & *a | {DIGEST}"
)
PIECES = st.sampled_from([*WORDS.split(), "\n", " ", "\t", "- ", ": "])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(["a.yml", "Makefile", "a.sh"]))
@example(f"{IMAGE}:", "a.sh")
def test_any_text_is_read_or_said_to_be_unreadable(text: str, path: str) -> None:
    try:
        for item in mentions_in(text.encode(), path, NAMES):
            assert item.name in NAMES
            assert 1 <= item.line <= text.count("\n") + 1
    except UnreadableError as error:
        assert path == "a.yml"
        assert str(error).startswith("it is no YAML: line")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["a.yml", "Makefile", "a.sh"]))
def test_any_bytes(data: bytes, path: str) -> None:
    try:
        for item in mentions_in(data + b"\n" + IMAGE.encode(), path, NAMES):
            assert item.name == IMAGE
    except UnreadableError as error:
        assert b"\0" in data or path == "a.yml", error


TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(TAGS.filter(lambda tag: not tag.endswith(".")))
def test_every_tag_comes_back_from_every_format(tag: str) -> None:
    whole = f"{IMAGE}:{tag}"
    for path, text in (
        ("a.sh", f"docker run --rm {whole} make"),
        ("Makefile", f"AULA_IMAGE ?= {whole}"),
        ("Dockerfile", f"FROM {whole} AS x"),
        ("a.yml", f"image: {whole}"),
        ("a.yml", f"script:\n  - docker pull {whole}\n"),
    ):
        assert [reference for _, reference in found(path, text)] == [whole]
