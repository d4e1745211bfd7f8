// The whole way of a seller, from the link to the result, without JavaScript: in each language, on a phone and on
// a desk, in light and in dark.
//
// stdin: {"chromium", "public_url", "broker", "sandbox", "flows": [{"locale", "language", "link"}, …]}, four links
// of each language

import assert from "node:assert/strict";

import { DESKTOP, PHONE, newSeller } from "./browser.mjs";
import { step, tell } from "./story.mjs";

const LOOKS = [
  { viewport: PHONE, colorScheme: "light" },
  { viewport: PHONE, colorScheme: "dark" },
  { viewport: DESKTOP, colorScheme: "light" },
  { viewport: DESKTOP, colorScheme: "dark" },
];

/** What a page says in one language; no other says the same. */
const headings = { asked: new Map(), done: new Map() };

async function background(seller) {
  return seller.page.evaluate(() => {
    const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
    return (red + green + blue) / 3;
  });
}

function expectOne(map, language, heading) {
  assert.equal(map.get(language) ?? heading, heading, "the same words each time");
  map.set(language, heading);
}

async function walk(stage, { locale, language, link }, look) {
  const seller = await newSeller(stage, { locale, ...look });
  await seller.open(link);
  await seller.expectOurs("the link's page");
  assert.equal(await seller.language(), language);
  expectOne(headings.asked, language, await seller.heading());
  const { height } = await seller.continueButton.boundingBox();
  assert.ok(height >= 44, `a finger needs 44 pixels, not ${height}`);
  const brightness = await background(seller);
  assert.equal(brightness < 128, look.colorScheme === "dark", `a background of ${brightness}`);

  await seller.goOn();
  assert.equal(new URL(seller.page.url()).host, new URL(stage.job.sandbox).host, "at the platform");
  await seller.decide("approve");
  assert.ok(seller.page.url().startsWith(stage.job.public_url), seller.page.url());
  await seller.expectOurs("the result's page");
  assert.equal(await seller.language(), language);
  expectOne(headings.done, language, await seller.heading());
  assert.equal(await seller.hasForm(), false, "nothing is left to do");
  await seller.close();
}

await tell(async (stage) => {
  const waiting = [...stage.job.flows];
  const languages = new Set(waiting.map((flow) => flow.language));
  for (const language of languages) {
    for (const look of LOOKS) {
      const index = waiting.findIndex((flow) => flow.language === language);
      const [flow] = waiting.splice(index, 1);
      const name = `${language}, ${look.viewport.width} pixels, ${look.colorScheme}`;
      await step(name, () => walk(stage, flow, look));
    }
  }
  for (const map of Object.values(headings)) {
    assert.equal(new Set(map.values()).size, languages.size, "each language has words of its own");
  }
});
