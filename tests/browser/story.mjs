// How a test in `tests/it` has a story told: it says on stdin, as JSON, what there is, and hears of each step on
// stdout. A step that fails ends the process, and what it expected is on stderr.

import { readFileSync } from "node:fs";

import { withBrowser } from "./browser.mjs";

export async function tell(story) {
  const job = JSON.parse(readFileSync(0, "utf8"));
  await withBrowser(job, (stage) => story({ ...stage, job }));
  console.log("over");
}

/** One step, which is named if it fails. */
export async function step(name, action) {
  try {
    await action();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
  console.log(name);
}

/** Has the sandbox do something that only its operator can: see `POST /control`. */
export async function control(job, command) {
  const answer = await fetch(`${job.sandbox}/control`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(command),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`the sandbox refuses ${command.action}: ${body.error}`);
  return body;
}

/** Opens the app in a mall of Cafe24, as this person of the mall. */
export async function launch(seller, job, shop, operator) {
  const { location } = await control(job, { action: "launch", dialect: "cafe24", shop, operator, ...job.app });
  await seller.open(location);
}
