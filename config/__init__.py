"""The installation: settings, addresses and processes. Nothing imports it but itself."""

from config.celery import app

__all__ = ["app"]
