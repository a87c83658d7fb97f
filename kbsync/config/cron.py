"""Times of day and week, as in cron: `schedule` of a folder, `digest` of a hook."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FIELDS = 5
#: APScheduler reads a word and leaves what follows it alone, so "mon–fri" would be mondays.
_PART = re.compile(r"\*(/[0-9]+)?|[0-9]+(-[0-9]+)?(/[0-9]+)?|[a-z]+(-[a-z]+)?", re.IGNORECASE)
_ALLOWED = 'must be a cron expression of five fields such as "*/15 * * * *" or "0 8 * * mon-fri"'


def cron(value: object) -> str:
    """A cron expression: minute, hour, day, month, and weekdays by name.

    Raises:
        ValueError: anything else, weekdays by number, or a time that never comes.
    """
    parts = value.split() if isinstance(value, str) else []
    if not isinstance(value, str) or len(parts) != _FIELDS:
        raise ValueError(_ALLOWED)
    if re.search(r"(?<!/)[0-9]", parts[-1]):
        raise ValueError('must name its weekdays, such as "mon-fri": numbers are ambiguous')
    for part in ",".join(parts).split(","):
        if not _PART.fullmatch(part):
            raise ValueError(f'{_ALLOWED}: there is no "{part}"')
    # Only who sets such a time pays for the import.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only when needed

    try:
        trigger = CronTrigger.from_crontab(value, timezone="UTC")
    except ValueError as error:
        raise ValueError(f"{_ALLOWED}: {error}") from None
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ValueError("must be a time that comes: there is none such in any year")
    return value
