"""Adyen's answers as they go over the wire."""

import json

from sandbox.adyen.call import Reply
from sandbox.adyen.error import AdyenError
from sandbox.answer import Answer
from sandbox.record import Json


def rendered(reply: Reply) -> Answer:
    """Return an answer, its pspReference in a header."""
    if reply.text is not None:
        return Answer(reply.status, reply.text.encode(), {"Content-Type": "text/csv;charset=UTF-8"})
    headers = {} if reply.psp is None else {"pspReference": reply.psp}
    return Answer(reply.status, b"" if reply.body is None else _encoded(reply.body), headers)


def failed(error: AdyenError) -> Answer:
    """Return a refusal; one that may pass says so in a header."""
    body: Json = {
        "status": error.status,
        "errorCode": error.code,
        "message": error.message,
        "errorType": error.error_type,
    }
    return Answer(error.status, _encoded(body), {"transient-error": "true"} if error.transient else {})


def _encoded(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
