"""Models to bytes and back, without pickle, and only where they were made for what runs here."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import skops.io
import structlog

from analytics.models import ModelVersion

log = structlog.get_logger(__name__)
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops")


class ArtifactMismatchError(RuntimeError):
    """A stored model must not be used here; the message says which check refused it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    data: bytes
    sha256: str
    library_versions: dict[str, str]


def pack(model: object) -> Artifact:
    data = skops.io.dumps(model)
    return Artifact(data, hashlib.sha256(data).hexdigest(), installed_versions())


def unpack(stored: ModelVersion, *, feature_names: list[str] | None = None) -> Any:
    """Return the model of this version.

    :raises ArtifactMismatchError: if its bytes are not those that were stored, if it was made by
        other library versions, for other features, or of classes that are not ours.
    """
    data = bytes(stored.artifact)
    if hashlib.sha256(data).hexdigest() != stored.sha256:
        raise ArtifactMismatchError(f"{stored.version}: its bytes have changed since it was stored.")
    _check_libraries(stored)
    if feature_names is not None and feature_names != stored.feature_names:
        strangers = sorted(set(feature_names) ^ set(stored.feature_names))
        raise ArtifactMismatchError(
            f"{stored.version}: trained on other features; the difference is {strangers or 'their order'}."
        )
    untrusted = skops.io.get_untrusted_types(data=data)
    if foreign := [name for name in untrusted if not name.startswith("analytics.ml.")]:
        raise ArtifactMismatchError(f"{stored.version}: holds foreign classes {foreign}.")
    return skops.io.loads(data, trusted=untrusted)


def is_usable(stored: ModelVersion) -> bool:
    """Say whether the model can be loaded here, and log why if it can't."""
    try:
        _check_libraries(stored)
    except ArtifactMismatchError as error:
        log.warning("model_not_usable", version=stored.version, why=str(error))
        return False
    return True


def installed_versions() -> dict[str, str]:
    return {library: version(library) for library in LIBRARIES}


def _check_libraries(stored: ModelVersion) -> None:
    """Refuse another minor version: what it means to load such a model is nowhere promised."""
    for library, here in installed_versions().items():
        then = stored.library_versions.get(library, "none")
        if _minor(then) != _minor(here):
            raise ArtifactMismatchError(
                f"{stored.version}: made with {library} {then}, but {here} is installed. Train anew."
            )


def _minor(release: str) -> str:
    return ".".join(release.split(".")[:2])
