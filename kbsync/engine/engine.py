"""All verbs in one class."""

from kbsync.engine.adopting import Adopting
from kbsync.engine.auditing import Auditing
from kbsync.engine.following import Following
from kbsync.engine.holding import Holding
from kbsync.engine.looking import Looking
from kbsync.engine.previewing import Previewing
from kbsync.engine.searching import Searching
from kbsync.engine.sending import Sending


class Engine(Holding, Looking, Previewing, Sending, Following, Searching, Adopting, Auditing):
    """All verbs over one ledger and one server."""
