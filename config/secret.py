import secrets
from pathlib import Path


def kept_secret(path: Path) -> str:
    """Return the secret in this file, which is made on first use and readable by its owner only."""
    try:
        with path.open("x") as fresh:
            path.chmod(0o600)
            fresh.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text()
