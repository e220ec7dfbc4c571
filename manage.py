#!/usr/bin/env python
import os
import secrets
import sys

# Commands that need no database and no broker: nothing is started for them, and nothing reached.
ALONE = {"evaluate"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if ALONE.intersection(sys.argv[1:2]):
        os.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
        os.environ["REDIS_URL"] = "redis://127.0.0.1:1/0"
        os.environ["SECRET_KEY"] = secrets.token_urlsafe()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
