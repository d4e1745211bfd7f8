// Every page that a seller can come to, by the way on which a seller comes to it: whether axe has anything against
// it, whether it fits, how much it weighs; and its picture.
//
// stdin: {"chromium", "public_url", "broker", "sandbox", "links": {…}, "shops": {…}, "key": {…}, "app": {…},
// "processes": {…}, "languages": [{"locale", "language", "links": {…}}, …], "album"}. Pictures are taken if there is
// an album to put them in. Each line of stdout is the name of a picture.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { DESKTOP, newSeller } from "./browser.mjs";
import { examine } from "./examination.mjs";
import { lighten } from "./picture.mjs";
import { control, launch, step, tell } from "./story.mjs";

/** What the platform does wrong to the next seller of the shop behind this link. */
function spoil(job, link, step, fault, dialect = "genstore") {
  return control(job, { action: "script", dialect, shop: job.shops[link], step, fault });
}

/** Long enough to look at what is shown meanwhile, and shorter than the broker's patience. */
const SLOW = { slow: { delay_ms: 6000 } };

/** What the link's page says while the platform answers what the seller has done in another tab. */
async function meanwhile(seller, link, act) {
  const done = act(await seller.newTab());
  do await seller.open(link);
  while (await seller.hasForm());
  seller.afterwards = () => done;
}

const CHIEF = { user_type: "P", user_id: "chief", user_name: "대표 관리자", lang: "en_US" };
const SUB_OPERATOR = { user_type: "A", user_id: "stock2", user_name: "재고 담당", lang: "en_US" };

/** By the name of its picture, how a seller comes to a page. */
const WAYS = {
  "hosted-link": (seller, { links }) => seller.open(links.hosted),
  "hosted-link-any-shop": (seller, { links }) => seller.open(links.any_shop),
  connected: (seller, { links }) => seller.follow(links.connected, "approve"),
  declined: async (seller, { links }) => {
    await seller.open(links.declined);
    await seller.decline();
  },
  "another-shop": async (seller, job) => {
    await spoil(job, "another_shop", "consent", { wrong_shop: "somebody-s" });
    await seller.follow(job.links.another_shop, "approve");
  },
  "connected-elsewhere": (seller, { links }) => seller.follow(links.connected_elsewhere, "approve"),
  "permission-missing": async (seller, job) => {
    await spoil(job, "permission_missing", "consent", { fewer_scopes: ["read_orders"] });
    await seller.follow(job.links.permission_missing, "approve");
  },
  "platform-refused": async (seller, job) => {
    await spoil(job, "platform_refused", "token", "deny");
    await seller.follow(job.links.platform_refused, "approve");
  },
  "platform-silent": async (seller, job) => {
    await spoil(job, "platform_silent", "token", "server_error");
    await seller.follow(job.links.platform_silent, "approve");
  },
  "not-answered-yet": async (seller, job) => {
    await spoil(job, "not_answered_yet", "token", SLOW);
    await meanwhile(seller, job.links.not_answered_yet, async (other) => {
      await other.open(job.links.not_answered_yet);
      await other.goOn();
      return other.decide("approve");
    });
  },
  "still-connected": async (seller, { links }) => {
    await seller.open(links.still_connected);
    await seller.decline();
  },
  "key-form": (seller, { links }) => seller.open(links.key),
  "key-form-token": (seller, { links }) => seller.open(links.token),
  "key-form-unfit": async (seller, { links }) => {
    await seller.open(links.key_unfit);
    await seller.handIn({ api_key: "my password", api_secret: "cs_0123" });
  },
  "key-checked": async (seller, job) => {
    await spoil(job, "key_checked", "probe", SLOW, "woocommerce");
    await meanwhile(seller, job.links.key_checked, async (other) => {
      await other.open(job.links.key_checked);
      return other.handIn(job.key);
    });
  },
  "key-refused": async (seller, { links }) => {
    await seller.open(links.key_refused);
    await seller.handIn({ api_key: "ck_0123", api_secret: "cs_0123" });
  },
  misconfigured: (seller, { links }) => seller.open(links.misconfigured),
  interrupted: (seller, { links }) => seller.open(links.interrupted),
  "connection-expired": (seller, { links }) => seller.open(links.connection_expired),
  "connection-withdrawn": (seller, { links }) => seller.open(links.connection_withdrawn),
  "app-removed": (seller, { links }) => seller.open(links.app_removed),
  "link-replaced": (seller, { links }) => seller.open(links.replaced),
  "link-expired": (seller, { links }) => seller.open(links.expired),
  // The link leads to the platform at once, so that nobody says that it is over before the seller is back.
  "link-unfinished": async (seller, { links }) => {
    await seller.open(links.unfinished);
    await seller.decide("approve");
  },
  "link-unknown": (seller, { public_url }) => seller.open(`${public_url}/go/${"x".repeat(43)}`),
  "link-forwarded": async (seller, { links }, stage) => {
    const attacker = await newSeller(stage);
    await attacker.open(links.forwarded);
    await attacker.goOn();
    await seller.open(attacker.page.url());
    await seller.decide("approve");
    await attacker.close();
  },
  "link-late": async (seller, { links, processes }) => {
    seller.front.broker = processes.hasty;
    await seller.open(links.late);
    await seller.goOn();
    // That the click is good for one second there is what is tried.
    await seller.page.waitForTimeout(1100);
    await seller.decide("approve");
  },
  "several-links": async (seller, job) => {
    const command = { action: "script", dialect: "multivende", step: "consent", fault: "drop_state" };
    await control(job, command);
    const other = await seller.newTab();
    await other.open(job.links.several_one);
    await other.goOn();
    await seller.follow(job.links.several_two, "approve");
  },
  "launch-offer": (seller, job) => launch(seller, job, job.shops.waiting_mall, CHIEF),
  "launch-nothing-waits": (seller, job) => launch(seller, job, job.shops.empty_mall, CHIEF),
  "launch-connected": (seller, job) => launch(seller, job, job.shops.connected_mall, CHIEF),
  "launch-over": async (seller, job) => {
    await launch(seller, job, job.shops.waiting_mall, CHIEF);
    await seller.leaveBy(() => seller.page.reload());
  },
  "launch-not-theirs": (seller, job) => launch(seller, job, job.shops.waiting_mall, SUB_OPERATOR),
  "too-many-visits": async (seller, { links, processes }) => {
    seller.front.broker = processes.busy;
    do await seller.open(links.hosted);
    while (seller.answer.status() !== 429);
  },
  "our-fault": async (seller, { links, processes }) => {
    seller.front.broker = processes.broken;
    await seller.open(links.hosted);
  },
};

async function picture(seller, { album }, name) {
  if (album) {
    const shot = await seller.page.locator("body").screenshot();
    writeFileSync(join(album, `${name}.png`), lighten(shot));
  }
}

/** By the name of its picture, what stands above a page. */
const headings = new Map();

/** Comes to a page in a browser that nobody else has used, examines it there, and takes its picture. */
async function visit(stage, name, way, options) {
  const seller = await newSeller(stage, { javaScriptEnabled: true, ...options });
  const { job, front } = stage;
  front.broker = job.broker;
  await seller.coldly();
  await way(seller, job, stage);
  await examine(seller, name);
  headings.set(name, await seller.heading());
  await picture(seller, job, name);
  await seller.afterwards?.();
  await seller.close();
}

/** Pages that ask or tell the same in other circumstances. */
const ALIKE = [
  ["hosted-link", "hosted-link-any-shop", "key-form", "key-form-token", "key-form-unfit"],
  ["link-replaced", "link-expired"],
  ["declined", "still-connected"],
  ["connected-elsewhere", "launch-connected"],
];

/** That no page was taken for another. */
function expectOwnHeadings() {
  const seen = new Map();
  for (const [name, heading] of headings) {
    const [page] = ALIKE.find((names) => names.includes(name)) ?? [name];
    assert.equal(seen.get(heading) ?? page, page, `above ${name}: ${heading}`);
    seen.set(heading, page);
  }
}

await tell(async (stage) => {
  const { job } = stage;
  const show = (name, way, options) => step(name, () => visit(stage, name, way, options));
  for (const [name, way] of Object.entries(WAYS)) await show(name, way, {});
  expectOwnHeadings();
  for (const { locale, language, links } of job.languages) {
    for (const name of ["hosted-link", "connected", "link-replaced"]) {
      const way = (seller) => WAYS[name](seller, { ...job, links });
      await show(`${name}.${language}`, way, { locale });
    }
  }
  // The link of an authorization that has ended tells how.
  for (const [name, link] of [["hosted-link", job.links.hosted], ["connected", job.links.connected]]) {
    const way = (seller) => seller.open(link);
    await show(`${name}.dark`, way, { colorScheme: "dark" });
    await show(`${name}.desktop`, way, { viewport: DESKTOP });
  }
});
