from typing import Any

from django.core.management.base import BaseCommand

from crm.services.demo_staff import list_sign_ins

COLUMNS = ("Role", "User name", "Password")
CHANGED = "(changed since)"


class Command(BaseCommand):
    """Print who can sign in to the demo. The password is another one in each installation."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        sign_ins = list_sign_ins()
        if not sign_ins:
            self.stdout.write("Nobody can sign in yet: run `manage.py load_demo` first.")
            return
        rows = [COLUMNS, *((one.role, one.username, one.password or CHANGED) for one in sign_ins)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            self.stdout.write("  ".join(cells).rstrip())
