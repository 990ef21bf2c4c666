"""Podman's service as an engine: of another release, in a folder of its own, beside any other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from guard.engine.client import Engine
from guard.engine.leftovers import remove
from guard.errors import EngineError

# Where `make engines` unpacks it.
ROOT: Final = Path(sys.prefix) / "podman"
_CONTAINERS: Final = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "{runtime}"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
firewall_driver = "none"
network_config_dir = "/run/guard/networks"
"""
_STORAGE: Final = """\
[storage]
driver = "overlay"
runroot = "/run/containers"
graphroot = "/var/lib/containers"
"""
# What it writes is gone with its mounts; `unified` is what crun takes for a mixture.
_START: Final = """\
set -e
cd "{root}"
mount --rbind . . && cd "{root}"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mount --make-rprivate sys
umount sys/fs/cgroup/unified 2>/dev/null || true
mkdir -p var/lib/containers
for each in run tmp var/tmp var/lib/containers; do mount -t tmpfs tmpfs $each; done
mkdir run/guard
mount --bind "{folder}" run/guard
exec chroot . env CONTAINERS_CONF=/run/guard/containers.conf \\
    CONTAINERS_STORAGE_CONF=/run/guard/storage.conf podman system service --time=0 \\
    unix:///run/guard/podman.sock
"""


@contextmanager
def podman(runtime: str = "crun") -> Iterator[str]:
    """The URL of a service that goes when the context ends.

    Args:
        runtime: ``crun``, which is Podman's usual one, or ``runc``.
    """
    folder = Path(f"/tmp/guard-podman-{os.getpid()}-{runtime}")
    (folder / "networks").mkdir(parents=True)
    (folder / "networks/podman.json").write_text(json.dumps(_network(runtime)))
    (folder / "containers.conf").write_text(_CONTAINERS.format(runtime=runtime))
    (folder / "storage.conf").write_text(_STORAGE)
    script = _START.format(root=ROOT, folder=folder)
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    url = f"unix://{folder}/podman.sock"
    try:
        end = time.monotonic() + 30
        while not _answers(url):
            assert service.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        # With the service they would not end, nor would its bridge go.
        with suppress(EngineError), Engine.connect(url) as engine:
            for container in engine.api.containers(all=True):
                remove(engine, container["Names"][0].strip("/"))
        service.terminate()
        service.wait()
        shutil.rmtree(folder)


def _network(runtime: str) -> object:
    """One of its own: others may run these tests at the same time."""
    number = os.getpid() % 256
    third = 2 * (os.getpid() // 256 % 100) + (runtime == "runc")
    subnet = f"10.{number}.{third}"
    return {
        "name": "podman",
        "id": "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9",
        "driver": "bridge",
        "network_interface": f"gp{os.getpid()}{runtime[0:1]}{runtime[1:2]}",
        "created": "2026-01-01T00:00:00Z",
        "subnets": [{"subnet": f"{subnet}.0/24", "gateway": f"{subnet}.1"}],
        "ipam_options": {"driver": "host-local"},
    }


def _answers(url: str) -> bool:
    try:
        Engine.connect(url).close()
    except EngineError:
        return False
    return True
