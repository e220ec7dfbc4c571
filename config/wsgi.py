"""What every web server runs. It refuses to start as a role that would show partners each other's rows."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from config.checks import refuse_unfit_role  # noqa: E402 - needs what the line above has set up

refuse_unfit_role()
