import os
import secrets
from contextlib import suppress
from pathlib import Path


def kept_secret(path: Path) -> str:
    """Return the secret in this file, which is made on first use and readable by its owner only.

    It appears whole or not at all, since many processes may ask for it at once.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):  # another process was quicker, and its secret counts
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text()
