"""After a backup was restored: the files speak of a history that did not happen here."""

from pathlib import Path

from analytics.lake.extracting import open_snapshot
from analytics.lake.folders import lake_folder
from analytics.lake.manifest import MANIFEST


def discard() -> bool:
    """Forget the lake, so that the next refresh builds it again. Return whether there was one.

    Its files go with the next refresh that finds them old; nobody opens them any more.
    """
    with open_snapshot():  # nobody is writing
        manifest: Path = lake_folder() / MANIFEST
        there = manifest.exists()
        manifest.unlink(missing_ok=True)
        for learnt in lake_folder().glob("goes-with-*.npz"):  # by models that may not be these
            learnt.unlink()
    return there
