// Opens pages in Chromium and collects everything that a correct page never does.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

export const addressOf = (name) => pathToFileURL(`${process.env.PAGES}/${name}`).href;

// Returns a page with `faults`: console messages, errors, and requests beyond the file itself.
export async function open(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    const address = request.url();
    if (!address.startsWith("data:") && !address.startsWith(addressOf(name))) faults.push(address);
  });
  page.on("dialog", (dialog) => faults.push(dialog.message()));
  await page.goto(addressOf(name));
  return { page, faults, context };
}

// Returns the violations of accessibility rules, with all sections open.
export async function violations(page) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((section) => (section.open = true)));
  // Playwright runs it as the developer tools do, so the policy of the page does not stop it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`);
}

// Returns the regions that scroll sideways, and "page" if the page itself does.
export const sideways = (page) =>
  page.evaluate(() => {
    document.querySelectorAll("details").forEach((section) => (section.open = true));
    const wide = [...document.querySelectorAll(".scroll")].filter((region) => region.scrollWidth > region.clientWidth + 1);
    const names = wide.map((region) => region.getAttribute("aria-label"));
    return document.documentElement.scrollWidth > innerWidth ? ["page", ...names] : names;
  });
