"""What an application says of itself, and files for its chats."""

from __future__ import annotations

from kbsync.apps.reading import info_of, parameters_of
from kbsync.apps.values import AppInfo, Attachment, Json, Parameters
from kbsync.errors import Denied, Missing
from kbsync.transport import Call, NoSuchRoute, Transport
from kbsync.transport.fields import Row, inner, number, table, text


class About:
    """The endpoints about the application; `app_id` is needed for the older guide's form only."""

    def __init__(self, transport: Transport, app_id: str) -> None:
        self._transport = transport
        self._app_id = app_id

    def info(self) -> AppInfo:
        """Its name and mode: from `/info`, or `/apps/{id}` where that does not exist."""
        try:
            return info_of(self._get("/info"))
        except (Missing, NoSuchRoute):
            if not self._app_id:
                raise Denied(
                    f"{self._transport.host} tells nothing of the app without its id; set app.id to"
                    " the id in the app's address in the browser"
                ) from None
            return info_of(self._get(f"/apps/{self._app_id}"))

    def parameters(self) -> Parameters:
        """What it asks for and offers."""
        return parameters_of(self._get("/parameters"))

    def tool_icons(self) -> Json:
        """The icons of its tools, by name (`/meta`)."""
        return inner(self._get("/meta"), "tool_icons")

    def upload(self, name: str, body: bytes, media_type: str, *, user: str) -> Attachment:
        """Upload a file for a question or a run; it gets into no dataset."""
        call = Call(
            "upload",
            "POST",
            "/files/upload",
            fields={"user": user},
            files={"file": (name, body, media_type)},
        )
        row = table(self._transport.call(call))
        return Attachment(text(row, "id"), text(row, "name"), number(row, "size"))

    def _get(self, path: str) -> Row:
        return table(self._transport.call(Call("about", "GET", path, repeatable=True)))
