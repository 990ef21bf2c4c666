"""A team whose three repositories are published, and one developer of it at their own desk."""

from __future__ import annotations

from tests.walks.walker import Walker, put_guard_into
from tests.workshop import GUARD_TOML, Repo, Workshop

MASTER = "refs/heads/master"
NAMES = ("aula-docker", "aula", "thentos")


class Team:
    """A colleague, who has the checkouts of the workshop, and remotes that have all of theirs.

    Nothing is tested, and nobody but the developer has guard's hooks: what the colleague pushes is
    there, whatever guard would have said.
    """

    def __init__(self, workshop: Workshop, base: str, settings: bool = True) -> None:
        self.root = workshop.root
        self.colleague = workshop
        toml = GUARD_TOML.replace("[test]", "publish = false\n[test]")
        dockerfile = f"FROM {base}\nCOPY . /liqd/\n"
        workshop.docker.write({"Dockerfile": dockerfile, ".guard.toml": toml})
        if not settings:
            workshop.docker.git("rm", "--quiet", "--force", ".guard.toml")
        workshop.docker.commit("Build on the base")
        self.share()

    def share(self) -> None:
        """The colleague pushes everything: thentos with its tags, aula, and aula-docker."""
        for at in (self.colleague.thentos, self.colleague.aula, self.colleague.docker):
            at.git("push", "--quiet", "--no-verify", "--tags", "origin", f"HEAD:{MASTER}")

    def release(self, version: str, asked: str) -> None:
        """The colleague releases thentos, and pins it with an aula that asks for it."""
        self.colleague.release(version)
        self.colleague.require(asked)
        self.colleague.pin(f"Take thentos v{version}")
        self.share()

    def remote(self, name: str) -> Repo:
        return Repo(self.root / "remotes" / f"{name}.git")

    def refs(self) -> list[str]:
        """Every ref of every remote."""
        return [self.remote(name).git("for-each-ref") for name in NAMES]

    def pins(self, name: str, branch: str = MASTER) -> str | None:
        """The commit at a gitlink of aula-docker's remote, None where there is none."""
        remote = self.remote("aula-docker")
        if not remote.git("for-each-ref", branch):
            return None
        return remote.git("rev-parse", f"{branch}:{name}")

    def join(self) -> Developer:
        """A developer who has cloned it all now."""
        return Developer(self)


class Developer:
    """One who works on aula: a fresh clone with its submodules, aula on a branch, the hooks in."""

    def __init__(self, team: Team) -> None:
        self.team = team
        folder = team.root / "desk"
        folder.mkdir()
        url = str(team.remote("aula-docker").folder)
        Repo(folder).git("clone", "--quiet", "--recurse-submodules", url, "aula-docker")
        self.docker = Repo(folder / "aula-docker")
        self.aula = Repo(folder / "aula-docker/aula")
        self.thentos = Repo(folder / "aula-docker/thentos")
        self.aula.git("switch", "--quiet", "master")
        ran = team.colleague.guard("install", at=self.docker)
        assert ran.status == 0, ran.text

    def walker(self, at: Repo | None = None) -> Walker:
        """The developer goes along `next:`, in aula-docker if nowhere else."""
        checkouts = (self.docker, self.aula, self.thentos)
        remotes = [self.team.remote(name) for name in NAMES]
        tools = self.team.root / "bin"
        put_guard_into(tools)
        return Walker(at or self.docker, checkouts, remotes, tools)
