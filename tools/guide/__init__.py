"""The guide's reference pages, made of the code whenever the guide is built; none is kept."""

from collections.abc import Callable, Mapping

from tools.guide.commands import commands
from tools.guide.messages import messages
from tools.guide.metrics import metrics
from tools.guide.settings import settings

#: Page by page, as `docs/` would have it.
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/settings.md": settings,
    "reference/commands.md": commands,
    "reference/messages.md": messages,
    "reference/metrics.md": metrics,
}
