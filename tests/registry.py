"""What a registry has, asked past guard and past the engine; and credentials for one."""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

USER = "dev"
PASSWORD = "secret"
# Of that user and that password, by `htpasswd -B`.
USERS = f"{USER}:$2b$04$g3ne3g7zfcUzQgl0TMEbweuSb00TTquaDwbzMYBV.2ixqqj6PvT3.\n"
# An engine writes the one or the other, by its image store.
_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


class Registry:
    """A running registry that anybody may ask."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    @property
    def name(self) -> str:
        """An image's name in it."""
        return f"{self.address}/liqd/aula"

    def manifest(self, tag: str) -> Any:
        """The manifest of a tag or a digest, None where there is none."""
        return self._get("manifests", tag)[1]

    def digest(self, tag: str) -> str:
        """What a tag means, "" where it has none."""
        return self._get("manifests", tag)[0]

    def image(self, tag: str) -> str:
        """The id of the image that a tag means."""
        return str(self.manifest(tag)["config"]["digest"])

    def blob(self, digest: str) -> Any:
        return self._get("blobs", digest)[1]

    def tags(self) -> list[str]:
        return sorted((self._get("tags", "list")[1] or {}).get("tags") or [])

    def forget(self, digest: str) -> None:
        """Delete a manifest, and with it the tags that mean it."""
        url = f"http://{self.address}/v2/liqd/aula/manifests/{digest}"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10):
            pass

    def _get(self, kind: str, what: str) -> tuple[str, Any]:
        url = f"http://{self.address}/v2/liqd/aula/{kind}/{what}"
        request = urllib.request.Request(url, headers={"Accept": ", ".join(_TYPES)})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.headers.get("Docker-Content-Digest", ""), json.loads(reply.read())
        except urllib.error.HTTPError as error:
            assert error.code == 404, error
            return "", None


def log_in(address: str, password: str = PASSWORD) -> None:
    """Credentials as `docker login` leaves them in the home of whoever runs the test."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = Path(os.environ["HOME"]) / ".docker" / "config.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps({"auths": {address: {"auth": auth}}}))
