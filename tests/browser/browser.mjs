// A browser that sees the broker and the sandbox, and nothing else.

import { chromium } from "playwright-core";

import { INSTITUTION, startFront } from "./front.mjs";
import { Seller } from "./seller.mjs";

/** The widths that pages are looked at in. */
export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };

/** How long anything on a page may take on a machine that does much else. */
const PATIENCE_MS = 30_000;

/**
 * Starts a browser, has the story told, and ends the browser.
 *
 * `job` is what the test said: `chromium`, `public_url`, `broker`, and whatever the story needs.
 */
export async function withBrowser(job, story) {
  const { host } = new URL(job.public_url);
  const front = await startFront(host, job.broker);
  const names = [host, INSTITUTION].map((name) => `MAP ${name}:443 127.0.0.1:${front.port}`);
  const browser = await chromium.launch({
    executablePath: job.chromium,
    // root has no sandbox.
    chromiumSandbox: process.getuid() !== 0,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Nothing is found but this machine.
      `--host-resolver-rules=${names.join(", ")}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
  try {
    await story({ browser, front });
  } finally {
    await browser.close();
    front.close();
  }
}

/** Somebody with a browser that nobody else has used. */
export async function newSeller({ browser, front }, options = {}) {
  const colorScheme = options.colorScheme ?? "light";
  const context = await browser.newContext({
    javaScriptEnabled: false,
    ignoreHTTPSErrors: true,
    locale: "en-US",
    colorScheme,
    viewport: PHONE,
    deviceScaleFactor: 1,
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  return new Seller(context, await context.newPage(), front, colorScheme);
}
