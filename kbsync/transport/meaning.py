"""What an answer means: a pure function from an answer to one of our errors.

Status first, then code, then the few sentences that tell apart what status and code do not; all
of them were seen on live 1.10.1 or 1.16.1 servers or are in their source.
"""

from __future__ import annotations

import re
from datetime import datetime

from kbsync.errors import BackendError, Denied, Missing, Rejected, Unavailable
from kbsync.transport.answer import Answer, one_line

#: What a server says, as a 400, while it writes metadata of the same documents or dataset.
BUSY_METADATA = "metadata operation is running"

#: What it says, as a 400, of a document whose status was changed and which no worker saw yet.
BUSY_DOCUMENT = "is being indexed, please try again later"

#: 400s that the same request will not meet again a little later.
_PASSING = (
    BUSY_METADATA,
    BUSY_DOCUMENT,
    "Failed to request plugin daemon",
    "Too many requests",
    "Could not connect to",  # the vector store, during a search
)
#: The document was made although the answer says 400 (servers up to 1.10).
_MADE_ANYWAY = "Cannot release a lock"
#: Only creates meet it, and only they may be looked for; its code is that of any other 503.
_NOT_VERIFIED = "service_unavailable"

_MODEL_CODES = {"provider_not_initialize", "provider_quota_exceeded", "model_currently_not_support"}
_MODEL = re.compile(
    r"Default model not found|No Embedding Model available|Provider \S+ does not exist"
    r"|The dataset is unavailable, due to"
)
_MODEL_ADVICE = (
    "set up an embedding model in Dify (Settings > Model Provider), or use"
    ' indexing_technique = "economy"'
)
#: 400s about all documents of a dataset rather than about the one that was sent.
_ABOUT_DATASET = (
    (
        re.compile(r"doc_form is different"),
        "set doc_form to the form that the dataset has, or use another dataset",
    ),
    (
        re.compile(r"External datasets are not supported"),
        "use a dataset whose documents are kept in Dify",
    ),
    (
        re.compile(r"Dataset does not exist|permission to access this dataset"),
        "use a key of the workspace that the dataset is in",
    ),
    (
        re.compile(r"[Pp]rocess[ _]rule|for KnowledgeConfig|indexing_technique is required"),
        "correct process_rule, indexing_technique, doc_form or doc_language",
    ),
    (
        re.compile(r"batch upload|documents can be uploaded|limit of your subscription"),
        "make room in Dify, or raise its plan",
    ),
)
_GONE = re.compile(
    r"\b(document|dataset|metadata)s?\b.* (not (found|exist)|n't exist)", re.IGNORECASE
)
#: What the server's framework says of a path that it does not know, as a page or as JSON.
_NO_ROUTE = "requested URL was not found"


class NoSuchRoute(Denied):
    """Nothing answers at this path: another server, another dialect, or an older version."""


class KeyRefused(Denied):
    """The server does not take this key; anything else about it may be right."""


def error_of(
    answer: Answer, call: str, host: str, now: datetime, *, sends_file: bool = False
) -> BackendError | None:
    """The error that an answer is, or None for a success.

    Args:
        answer: what came.
        call: what was asked, for the message, such as "POST /datasets".
        host: the server's name, for the message.
        now: an aware time, for Retry-After dates.
        sends_file: whether a document went with it, so that a proxy may have refused just that.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the protocol's range of successes
        return _page_for_success(call, host) if answer.is_html else None
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the protocol's range of redirects
        target = one_line(answer.headers.get("location", "another place"))
        return Denied(f"{host} redirects to {target}; set server.base_url to the API itself")
    if answer.is_rate_limit:
        text = answer.message or "too many requests"
        return Unavailable(f"{host}: {text}", retry_after=answer.retry_after(now))
    if answer.status >= 500 and answer.status != 501:  # noqa: PLR2004 - the range of server faults
        return _server_fault(answer, call, host, now)
    return _client_fault(answer, call, host, sends_file)


def _page_for_success(call: str, host: str) -> Denied:
    return Denied(
        f"{host} answered {call} with a web page: a proxy or a login page in between; set"
        " server.base_url to the API itself"
    )


def _server_fault(answer: Answer, call: str, host: str, now: datetime) -> Unavailable:
    wait = answer.retry_after(now)
    surely_not_done = answer.status == 503 and (  # noqa: PLR2004 - of the protocol
        wait is not None or answer.code == _NOT_VERIFIED
    )
    text = f"{host} answered {answer.status} to {call}: {answer.message or _page(answer)}"
    return Unavailable(text, retry_after=wait, ambiguous=not surely_not_done)


def _client_fault(answer: Answer, call: str, host: str, sends_file: bool) -> BackendError:
    message = answer.message
    match answer.status:
        case 400 | 403 if answer.is_html:
            return _refused_by_page(answer, call, host, sends_file)
        case 400:
            return _bad_request(answer, host)
        case 401 | 407:
            return _unauthorized(answer, host)
        case 403:
            return Denied(_forbidden(answer, call, host))
        case 404 | 405 | 410 | 501:
            return _not_found(answer, call, host)
        case 408 | 425:
            return Unavailable(f"{host}: {message or 'timed out'} ({call})")
        case 413:
            return Rejected(_too_large(answer, host))
        case status:
            return Rejected(f"{host} refused {call} with {status}: {message or _page(answer)}")


def _refused_by_page(answer: Answer, call: str, host: str, sends_file: bool) -> BackendError:
    """A page is never Dify's own refusal; with a file, a proxy may dislike just this one."""
    if sends_file:
        return Rejected(f"refused with a web page ({answer.status}) by a proxy in front of {host}")
    return Denied(
        f"{host} refused {call} with a web page ({answer.status}): a proxy in between, or http://"
        " where https:// is spoken; correct server.base_url"
    )


def _bad_request(answer: Answer, host: str) -> BackendError:
    message = answer.message
    if _MADE_ANYWAY in message:
        return Unavailable(f"{host}: {message}", ambiguous=True)
    if any(text in message for text in _PASSING):
        return Unavailable(f"{host}: {message}")
    if answer.code in _MODEL_CODES or _MODEL.search(message):
        return Denied(f"{host}: {message}; {_MODEL_ADVICE}")
    for pattern, advice in _ABOUT_DATASET:
        if pattern.search(message):
            return Denied(f"{host}: {message}; {advice}")
    if message:
        return Rejected(message)
    # Servers tell a wrong type and too large a file alike, with an empty message.
    return Rejected("the server takes no file of this type or size, and does not say which it is")


def _unauthorized(answer: Answer, host: str) -> Denied:
    if answer.status == 407:  # noqa: PLR2004 - of the protocol
        return Denied(f"the proxy before {host} wants a login; correct http_proxy or https_proxy")
    if answer.is_html:
        return Denied(
            f"{host} wants another login than the API key: a proxy in front of it; set"
            " server.base_url to an address without one"
        )
    return KeyRefused(
        f"{host} refused the API key ({answer.message or 'unauthorized'}); use a dataset key: in"
        " Dify, Knowledge > Service API"
    )


def _forbidden(answer: Answer, call: str, host: str) -> str:
    message = answer.message
    if "api access is not enabled" in message:
        return f"{host}: {message}; switch API access on in the knowledge base's settings in Dify"
    if "limit of your subscription" in message:
        return f"{host}: {message}; make room in Dify, or raise its plan"
    return f"{host} forbids {call}: {message or 'no reason given'}"


def _not_found(answer: Answer, call: str, host: str) -> BackendError:
    """The thing, or only the path: a gateway's 404 may be JSON, too, and no document is gone."""
    message = answer.message
    told = answer.status != 405 and isinstance(answer.json, dict)  # noqa: PLR2004 - of the protocol
    gone = answer.code == "not_found" and _NO_ROUTE not in message
    if told and (gone or _GONE.search(message)):
        return Missing(f"{host}: {message} ({call})")
    return NoSuchRoute(f"{host} does not know {call}; correct server.base_url or server.api_style")


def _too_large(answer: Answer, host: str) -> str:
    if answer.is_html:
        return f"too large for the proxy in front of {host} (nginx: client_max_body_size)"
    return f"too large for {host}: {answer.message or 'its upload limit (15 MiB by default)'}"


def _page(answer: Answer) -> str:
    return "a web page instead of an answer" if answer.is_html else answer.code or "no reason given"
