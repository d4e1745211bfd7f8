"""Verifies webhooks with `standardwebhooks`, as a receiver that uses it would.

stdin: [{"secret", "headers", "body" (base64), "seconds_later"}]
stdout: for each webhook, null or why it is refused.
"""

import base64
import json
import sys
from datetime import datetime, timedelta

import standardwebhooks.webhooks
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def clock(seconds_later):
    """The library's clock put forward: a true webhook that is played back later."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=seconds_later)

    return Later


verdicts = []
for webhook in json.load(sys.stdin):
    standardwebhooks.webhooks.datetime = clock(webhook["seconds_later"])
    try:
        Webhook(webhook["secret"]).verify(base64.b64decode(webhook["body"]), webhook["headers"])
        verdicts.append(None)
    except WebhookVerificationError as error:
        verdicts.append(str(error))
json.dump(verdicts, sys.stdout)
