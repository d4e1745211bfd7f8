// What sellers do beside the straight way, without JavaScript: keys alone, a reload, the way back, a second tab,
// another language, a refusal; and what somebody does who wants a stranger's shop.
//
// stdin: {"chromium", "public_url", "broker", "sandbox", "links": {…}, "key": {…}, "app": {…},
// "mall"}, a link for each step

import assert from "node:assert/strict";

import { newSeller } from "./browser.mjs";
import { control, launch, step, tell } from "./story.mjs";

/** How many keys a seller may need to press to reach what the page is for. */
const MOST_TABS = 12;

/** Tabs on to what is looked for, and expects to see where the focus is at each stop. */
async function tabTo(seller, target) {
  const wanted = await target.elementHandle();
  for (let presses = 0; presses < MOST_TABS; presses += 1) {
    await seller.page.keyboard.press("Tab");
    const stop = await seller.page.evaluate((wanted) => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return {
        element: element.outerHTML.slice(0, 200),
        isSeen: element.matches(":focus-visible") && style.outlineStyle !== "none" && style.outlineWidth !== "0px",
        isWanted: element === wanted,
      };
    }, wanted);
    assert.ok(stop.isSeen, `the focus cannot be seen on ${stop.element}`);
    if (stop.isWanted) return;
  }
  assert.fail(`not reached within ${MOST_TABS} keys`);
}

async function pressEnter(seller) {
  await seller.leaveBy(() => seller.page.keyboard.press("Enter"));
}

/** How many codes the platform has been asked to exchange. */
async function exchanges(job) {
  const { calls } = await control(job, { action: "calls" });
  return calls.filter((call) => call.path.includes("token")).length;
}

/** That a reload, even of what a form led to, asks for nothing and finds the same. */
async function expectStable(seller, job) {
  const [heading, before] = [await seller.heading(), await exchanges(job)];
  await seller.leaveBy(() => seller.page.reload());
  assert.equal(seller.front.answers.findLast((answer) => answer.type.includes("html")).method, "GET");
  assert.equal(await seller.heading(), heading);
  assert.equal(await exchanges(job), before);
}

await tell(async (stage) => {
  const { job } = stage;
  const { links } = job;
  const outcomes = {};

  await step("keys alone", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.keys);
    await tabTo(seller, seller.continueButton);
    await pressEnter(seller);
    await seller.page.locator('button[value="approve"]').press("Enter");
    await seller.page.waitForURL(`${job.public_url}/**`);
    await seller.expectOurs("the result");
    outcomes.done = await seller.heading();
    await seller.close();
  });

  await step("keys alone, to decline", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.keys_declined);
    await tabTo(seller, seller.declineButton);
    await pressEnter(seller);
    outcomes.declined = await seller.heading();
    assert.notEqual(outcomes.declined, outcomes.done);
    await seller.close();
  });

  await step("declined on our page", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.declined);
    await seller.decline();
    await seller.expectOurs("the result");
    assert.equal(await seller.heading(), outcomes.declined);
    await expectStable(seller, job);
    assert.equal(await seller.hasForm(), false);
    await seller.close();
  });

  await step("denied on the platform's", async () => {
    const seller = await newSeller(stage);
    await seller.follow(links.denied, "deny");
    await seller.expectOurs("the result");
    assert.equal(await seller.heading(), outcomes.declined);
    await expectStable(seller, job);
    await seller.close();
  });

  await step("a reload at each place", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.reloaded);
    await seller.leaveBy(() => seller.page.reload());
    await seller.goOn();
    await seller.leaveBy(() => seller.page.reload());
    await seller.decide("approve");
    assert.equal(await seller.heading(), outcomes.done);
    await expectStable(seller, job);
    await seller.open(links.reloaded);
    await seller.expectOurs("the link afterwards");
    assert.equal(await seller.heading(), outcomes.done);
    await seller.close();
  });

  await step("the way back", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.back);
    const asked = await seller.heading();
    await seller.goOn();
    await seller.leaveBy(() => seller.page.goBack());
    assert.equal(await seller.heading(), asked);
    await seller.goOn();
    await seller.decide("approve");
    assert.equal(await seller.heading(), outcomes.done);
    const before = await exchanges(job);
    // Over the platform's page to our own, which knows by now how it ended.
    await seller.leaveBy(() => seller.page.goBack());
    await seller.decide("approve");
    assert.equal(await seller.heading(), outcomes.done);
    assert.equal(await exchanges(job), before, "nothing is spent twice");
    await seller.close();
  });

  await step("two tabs", async () => {
    const first = await newSeller(stage);
    const second = await first.newTab();
    for (const tab of [first, second]) {
      await tab.open(links.two_tabs);
      await tab.goOn();
    }
    const before = await exchanges(job);
    for (const tab of [second, first]) {
      await tab.decide("approve");
      assert.equal(await tab.heading(), outcomes.done);
    }
    assert.equal((await exchanges(job)) - before, 1);
    await first.close();
  });

  await step("another language", async () => {
    const seller = await newSeller(stage, { locale: "fr-FR" });
    await seller.open(links.another_language);
    assert.equal(await seller.language(), "en", "what we do not speak is English");
    await seller.leaveBy(() => seller.page.locator('nav a[hreflang="ko"]').click());
    assert.equal(await seller.language(), "ko");
    await seller.open(links.another_language);
    assert.equal(await seller.language(), "ko", "it is remembered");
    for (const cookie of await seller.context.cookies()) {
      assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite], [true, true, "Lax"], cookie.name);
    }
    await seller.goOn();
    await seller.decide("approve");
    await seller.expectOurs("the result");
    assert.equal(await seller.language(), "ko");
    await seller.close();
  });

  await step("a key that is handed in", async () => {
    const seller = await newSeller(stage);
    await seller.open(links.key);
    await seller.expectOurs("the form");
    await seller.handIn({ ...job.key, api_secret: "another text" });
    assert.equal(await seller.page.locator('[aria-invalid="true"]').count(), 1);
    assert.ok(!(await seller.page.content()).includes(job.key.api_key), "what was sent is not shown again");
    for (const [name, text] of Object.entries(job.key)) {
      await tabTo(seller, seller.page.locator(`input[name="${name}"]`));
      await seller.page.keyboard.type(text);
    }
    await pressEnter(seller);
    while ((await seller.heading()) !== outcomes.done) await seller.leaveBy(() => seller.page.reload());
    assert.equal(await seller.hasForm(), false);
    await seller.close();
  });

  await step("the app opened on the platform", async () => {
    const seller = await newSeller(stage);
    await launch(seller, job, job.mall, { user_type: "P", user_id: "chief", lang: "en_US" });
    await seller.expectOurs("the offer");
    await seller.confirm();
    await seller.decide("approve");
    await seller.expectOurs("the result");
    assert.equal(await seller.heading(), outcomes.done);
    await seller.close();
  });

  await step("back to the institution", async () => {
    const seller = await newSeller(stage);
    await seller.follow(links.redirected, "approve");
    assert.equal(new URL(seller.page.url()).searchParams.get("auth_status"), "SUCCESS");
    const [visit] = seller.front.visits;
    // The address before had the code and the state in it.
    assert.equal(visit.referer, undefined);
    assert.equal(visit.cookie, undefined);
    await seller.close();
  });

  await step("a forwarded address", async () => {
    const attacker = await newSeller(stage);
    await attacker.open(links.forwarded);
    await attacker.goOn();
    const victim = await newSeller(stage);
    await victim.open(attacker.page.url());
    const before = await exchanges(job);
    await victim.decide("approve");
    await victim.expectOurs("the refusal");
    assert.equal(victim.answer.status(), 400);
    assert.equal(await victim.hasForm(), false, "nothing to press by which it would go on after all");
    assert.equal((await victim.context.cookies()).length, 0);
    assert.equal(await exchanges(job), before, "the code is unspent");
    const refusal = await victim.heading();
    assert.ok(![outcomes.done, outcomes.declined].includes(refusal), refusal);
    // The attacker's own page is what it was, and the attempt is open.
    const again = await newSeller(stage);
    await again.open(links.forwarded);
    assert.equal(await again.continueButton.count(), 1);
    for (const seller of [attacker, victim, again]) await seller.close();
  });
});
