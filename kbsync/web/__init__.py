"""The operator's view: status page, health, metrics and a JSON API, as one ASGI application."""

from kbsync.web.desk import Desk
from kbsync.web.site import Site

__all__ = ["Desk", "Site"]
