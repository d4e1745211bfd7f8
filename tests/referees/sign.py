"""Signs requests with `http-message-signatures`, as an institution that uses it would.

stdin: {"app_id", "app_secret", "requests": [{"url", "headers", "body", "created", "nonce", "covered"}]}
stdout: for each request, all its headers.
"""

import json
import sys
from datetime import datetime, timezone
from types import SimpleNamespace

from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

job = json.load(sys.stdin)
app_id = job["app_id"]
signer = HTTPMessageSigner(
    signature_algorithm=algorithms.HMAC_SHA256,
    key_resolver=MappingKeyResolver(public_keys={}, private_keys={app_id: job["app_secret"].encode()}),
)
signed = []
for request in job["requests"]:
    message = SimpleNamespace(method="POST", url=request["url"], headers=request["headers"])
    signer.sign(
        message,
        key_id=app_id,
        created=datetime.fromtimestamp(request["created"], tz=timezone.utc),
        nonce=request["nonce"],
        covered_component_ids=request["covered"],
        body=request["body"].encode(),
    )
    signed.append(message.headers)
json.dump(signed, sys.stdout)
