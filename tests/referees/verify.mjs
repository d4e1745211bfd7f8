// Verifies webhooks with `standardwebhooks`, as a receiver that uses it would.
//
// stdin: [{"secret", "headers", "body" (base64), "seconds_later"}]
// stdout: for each webhook, null or why it is refused.

import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const now = Date.now;
const verdicts = JSON.parse(readFileSync(0, "utf8")).map((webhook) => {
  // The library's clock put forward: a true webhook that is played back later.
  Date.now = () => now() + webhook.seconds_later * 1000;
  try {
    new Webhook(webhook.secret).verify(Buffer.from(webhook.body, "base64"), webhook.headers);
    return null;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.message;
    throw error;
  }
});
process.stdout.write(JSON.stringify(verdicts));
