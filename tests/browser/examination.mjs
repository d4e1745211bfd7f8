// What every page has to stand.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Page and style together, on a visit for the first time. */
const MOST_BYTES = 30_000;
const MOST_REQUESTS = 2;

/** What a browser begins with, in pixels; a seller may have it set to twice as much. */
const FONT_SIZE = 16;

/** The seller's browser runs scripts, since axe is one; the page's policy stays as it is. */
export async function examine(seller, name) {
  await seller.expectOurs(name);
  weigh(seller, name);
  const { page, colorScheme: own } = seller;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await expectNoBarrier(seller, `${name}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: own });
  await expectRoomForLargeText(seller, name);
}

function weigh({ front }, name) {
  const isPage = ({ status, type }) => type.startsWith("text/html") && (status < 300 || status >= 400);
  const answers = front.answers.slice(front.answers.findLastIndex(isPage));
  const bytes = answers.reduce((sum, answer) => sum + answer.bytes, 0);
  const told = JSON.stringify(answers);
  assert.ok(answers.length <= MOST_REQUESTS, `${name} needs ${answers.length} requests: ${told}`);
  assert.ok(bytes < MOST_BYTES, `${name} weighs ${bytes} bytes: ${told}`);
}

async function expectNoBarrier({ page }, name) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => axe.run({ preload: false }));
  const found = violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => node.html) }));
  assert.deepEqual(found, [], name);
  assert.ok(passes.some(({ id }) => id === "color-contrast"), `${name}: nothing to read`);
}

async function expectRoomForLargeText(seller, name) {
  const devtools = await seller.context.newCDPSession(seller.page);
  const resize = (standard) => devtools.send("Page.setFontSizes", { fontSizes: { standard, fixed: standard } });
  await resize(2 * FONT_SIZE);
  const text = seller.page.locator("main p").first();
  const size = await text.evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
  assert.ok(size >= 2 * FONT_SIZE, `${name}: text of ${size} pixels where ${2 * FONT_SIZE} are asked for`);
  assert.equal(await seller.overflow(), 0, `${name}: wider than the window with large text`);
  await resize(FONT_SIZE);
  await devtools.detach();
}
