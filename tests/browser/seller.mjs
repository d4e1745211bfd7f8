// What a seller does on our pages and on the platform's. Elements are found by what they do, never by their
// words, which are another's in each language.

import assert from "node:assert/strict";

const NARROWEST = 320;

export class Seller {
  /** What the browser complained of, such as a style that the page's policy does not allow. */
  complaints = [];
  /** The latest answer that was a page. */
  answer = null;

  constructor(context, page, front, colorScheme) {
    Object.assign(this, { context, page, front, colorScheme });
    page.on("console", (message) => {
      // A page that is an error has a status that says so, of which the browser makes a line.
      const isOfStatus = message.text().startsWith("Failed to load resource: the server responded");
      if (message.type() === "error" && !isOfStatus) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("response", (response) => {
      if (response.request().isNavigationRequest() && (response.status() < 300 || response.status() >= 400)) {
        this.answer = response;
      }
    });
  }

  /** The same person in another tab. */
  async newTab() {
    return new Seller(this.context, await this.context.newPage(), this.front, this.colorScheme);
  }

  async open(url) {
    await this.page.goto(url);
  }

  /** Does what leads to another page, and waits until that is there. */
  async leaveBy(action) {
    await Promise.all([this.page.waitForEvent("load"), action()]);
  }

  get continueButton() {
    return this.page.locator('form[action$="/continue"]').getByRole("button");
  }

  get declineButton() {
    return this.page.locator('form[action$="/decline"]').getByRole("button");
  }

  async goOn() {
    await this.leaveBy(() => this.continueButton.click());
  }

  async decline() {
    await this.leaveBy(() => this.declineButton.click());
  }

  /** Goes on where a launch asks. */
  async confirm() {
    await this.leaveBy(() => this.page.locator('form[action$="/confirm"]').getByRole("button").click());
  }

  /** Hands in a key, by its texts' names. */
  async handIn(texts) {
    const form = this.page.locator('form[action$="/key"]');
    for (const [name, text] of Object.entries(texts)) await form.locator(`input[name="${name}"]`).fill(text);
    await this.leaveBy(() => form.getByRole("button").click());
  }

  /** On the platform's page: `approve` or `deny`. */
  async decide(decision) {
    await this.leaveBy(() => this.page.locator(`button[name="decision"][value="${decision}"]`).click());
  }

  /** The whole way from the link to how it ended. */
  async follow(link, decision) {
    await this.open(link);
    await this.goOn();
    await this.decide(decision);
  }

  async heading() {
    return (await this.page.getByRole("heading", { level: 1 }).innerText()).trim();
  }

  async language() {
    return this.page.locator("html").getAttribute("lang");
  }

  /** How far the page reaches beyond the right edge, in pixels. */
  async overflow() {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
  }

  async hasForm() {
    return (await this.page.locator("form").count()) > 0;
  }

  /** That the page is one of ours, with everything that all of them have in common. */
  async expectOurs(what) {
    assert.deepEqual(this.complaints, [], what);
    const headers = await this.answer.allHeaders();
    assert.match(headers["content-security-policy"] ?? "", /default-src 'none'.*frame-ancestors 'none'/, what);
    assert.match(headers["referrer-policy"] ?? "", /^(no-referrer|same-origin)$/, what);
    assert.equal(headers["cache-control"], "no-store", what);
    assert.equal(await this.page.locator("script").count(), 0, `${what}: a script`);
    assert.equal(await this.page.getByRole("main").count(), 1, `${what}: main`);
    // Without one, browsers ask for /favicon.ico by themselves.
    assert.equal(await this.page.locator('link[rel="icon"][href="data:,"]').count(), 1, `${what}: an icon`);
    await this.expectFit(what);
    assert.notEqual(await this.page.title(), "", `${what}: a title`);
  }

  /** That nothing has to be scrolled sideways, on the narrowest phone either. */
  async expectFit(what) {
    const viewport = this.page.viewportSize();
    for (const width of [viewport.width, NARROWEST]) {
      await this.page.setViewportSize({ ...viewport, width });
      assert.equal(await this.overflow(), 0, `${what}: wider than ${width} pixels`);
    }
    await this.page.setViewportSize(viewport);
  }

  /** From now on, everything is fetched anew for each page. */
  async coldly() {
    const devtools = await this.context.newCDPSession(this.page);
    await devtools.send("Network.enable");
    await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  }

  async close() {
    await this.context.close();
  }
}
