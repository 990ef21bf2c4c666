"""SHA-1 as git names objects by it, without waiting for the standard library's hashlib.

hashlib loads all of OpenSSL; the one algorithm lies beside it in a file of its own, in some builds
of Python.
"""

from __future__ import annotations


def sha1(data: bytes) -> str:
    """40 hexadecimal digits."""
    try:
        from _sha1 import sha1 as algorithm  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha1 as algorithm
    digest: str = algorithm(data, usedforsecurity=False).hexdigest()
    return digest


def object_id(kind: bytes, data: bytes, id_bytes: int) -> str:
    """The id that git gives to an object.

    Args:
        kind: ``blob`` or ``tree``.
        id_bytes: 20 for SHA-1 repositories, 32 for SHA-256.
    """
    whole = b"%s %d\0%s" % (kind, len(data), data)
    if id_bytes == 20:
        return sha1(whole)
    from hashlib import sha256

    return sha256(whole).hexdigest()
