"""The web server: `gunicorn -c python:config.gunicorn config.wsgi`."""

from __future__ import annotations

import gc
import os
from typing import Any

from django.urls import get_resolver

from config.logging import logging_config

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads, because a browser's idle spare connection would block a synchronous worker.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
preload_app = True  # the workers share the master's memory
max_requests = 20_000
max_requests_jitter = 2_000
timeout = 60
graceful_timeout = 8
keepalive = 5
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a heartbeat file
accesslog = None  # RequestIdMiddleware logs each request, with its id and without its query
logconfig_dict = logging_config(level=os.environ.get("LOG_LEVEL", "INFO"))


def when_ready(_server: Any) -> None:
    """Load in the master, once, what the first request of each worker would load."""
    get_resolver().url_patterns  # noqa: B018 - reading it imports every view
    gc.freeze()  # collecting would touch, and so copy, pages that the workers share
