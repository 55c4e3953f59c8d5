// Claims about the report page; each opens it afresh where the state matters.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { addressOf, launch, open, sideways, violations } from "./browser.mjs";

const PAGE = "report.html";
let browser, page, faults, context;

const column = (table, index) => page.$$eval(`${table} tbody:not([hidden]) tr:not(.model, [hidden]) > :nth-child(${index})`, (cells) => cells.map((cell) => cell.textContent));
const shownCards = () => page.$$eval(".example:not([hidden])", (cards) => cards.map((card) => card.dataset.class));
const shownFrame = () => page.$eval(".player", (player) => [...player.querySelectorAll(".frames img")].findIndex((frame) => frame.classList.contains("shown")));
const isOpen = (id) => page.$eval(`#${id}`, (section) => section.open);
const fragment = () => page.evaluate(() => location.hash);
const pause = (milliseconds) => page.waitForTimeout(milliseconds);
const follow = async (hash) => {
  await page.evaluate((hash) => (location.hash = hash), hash);
  await pause(50);
};
const choose = (section, key, value) => page.selectOption(`#${section} [data-state=${key}]`, value);

before(async () => {
  browser = await launch();
  ({ page, faults, context } = await open(browser, PAGE));
});
beforeEach(async () => {
  await page.goto("about:blank");
  await page.goto(addressOf(PAGE));
});
after(async () => {
  assert.deepEqual(faults, [], "the console stays empty, and nothing is loaded");
  await browser.close();
});

test("a heading sorts by mouse and keyboard, and says so", async () => {
  const heading = page.locator("#results th", { hasText: "SCUFO" });
  await heading.getByRole("button").click();
  assert.equal(await heading.getAttribute("aria-sort"), "ascending");
  assert.deepEqual((await column("#results table", 1)).slice(0, 2), ["albar", "ce"]);

  await heading.getByRole("button").press("Enter");
  assert.equal(await heading.getAttribute("aria-sort"), "descending");
  assert.deepEqual((await column("#results table", 1)).slice(0, 2), ["ce", "albar"]);
});

test("a bound sorts as its number, and a dash stays at the end", async () => {
  const place = await page.$$eval("#groups .sortable", ([table]) => {
    const place = table.tHead.rows[0].cells.length - 1;
    const texts = ["0.040", "< 0.001", "\u2013", "1,000"];
    [...table.tBodies[0].rows].forEach((row, at) => (row.cells[place].textContent = texts[at % 4]));
    return place;
  });
  const table = page.locator("#groups .sortable").first();
  await table.locator("th", { hasText: /^p$/ }).getByRole("button").click();
  const shown = await table.locator("tbody tr").evaluateAll((rows, at) => rows.map((row) => row.cells[at].textContent), place);
  const order = ["< 0.001", "0.040", "1,000", "\u2013"];
  assert.ok(new Set(shown).size === 4);
  assert.deepEqual(shown, [...shown].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
});

test("filters leave the clips of a class, a model and a verdict, and are kept in the link", async () => {
  const all = await shownCards();
  assert.ok(new Set(all).size > 2);

  await choose("examples", "class", "brush hair");
  assert.deepEqual(new Set(await shownCards()), new Set(["brush hair"]));
  assert.equal(await page.textContent("#examples output"), `${(await shownCards()).length} of ${all.length} clips`);
  assert.equal(await fragment(), "#examples?class=brush+hair");

  await choose("examples", "class", "");
  await choose("examples", "model", "albar");
  const models = await page.$$eval(".example:not([hidden]) tr[data-model]:not([hidden]) th", (cells) => cells.map((cell) => cell.textContent));
  assert.deepEqual(new Set(models), new Set(["albar"]));

  await choose("examples", "verdict", "needs the motion");
  const verdicts = await page.$$eval(".example:not([hidden]) tr[data-model]:not([hidden])", (rows) => rows.map((row) => row.cells[3].textContent));
  assert.deepEqual(new Set(verdicts), new Set(["needs the motion"]));
  assert.ok(verdicts.length < all.length);

  const saved = await fragment();
  const shown = await shownCards();
  await page.goto("about:blank");
  await page.goto(addressOf(PAGE) + saved);
  assert.deepEqual(await shownCards(), shown);
});

test("a clip moves under the pointer and stops when it leaves", async () => {
  await page.locator(".player .frames").first().hover();
  await page.waitForFunction(() => document.querySelector(".player .frames img:nth-child(3)").classList.contains("shown"));
  await page.mouse.move(0, 0);
  await pause(50);
  const at = await shownFrame();
  await pause(400);
  assert.equal(await shownFrame(), at);
});

test("the still stands at the same height beside the moving clip", async () => {
  const boxes = await page.$eval(".pictures", (pictures) => ["frames", "still"].map((name) => pictures.querySelector(`.${name}`).getBoundingClientRect()).map(({ top, width }) => [top, width]));
  assert.deepEqual(boxes[0], boxes[1]);
});

test("the button of a clip plays and pauses it by keyboard, and the slider shows one frame", async () => {
  const button = page.locator(".player button").first();
  await button.focus();
  assert.match(await button.getAttribute("aria-label"), /^Play clip_/);
  await page.keyboard.press("Enter");
  assert.match(await button.getAttribute("aria-label"), /^Pause clip_/);
  await page.waitForFunction(() => document.querySelector(".player input").value === "3");
  await page.keyboard.press("Space");
  assert.match(await button.getAttribute("aria-label"), /^Play clip_/);

  await page.locator(".player input").first().fill("2");
  assert.equal(await shownFrame(), 1);
  await page.locator(".player input").first().press("ArrowRight");
  assert.equal(await shownFrame(), 2);
});

test("with reduced motion only the button plays", async () => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.locator(".player .frames").first().hover();
  await pause(500);
  assert.equal(await shownFrame(), 0);
  await page.locator(".player button").first().click();
  await page.waitForFunction(() => document.querySelector(".player input").value === "3");
  await page.emulateMedia({ reducedMotion: null });
});

test("sections fold one by one and all together", async () => {
  const summary = page.locator("#results > summary");
  await summary.click();
  assert.equal(await isOpen("results"), false);
  await summary.press("Enter");
  assert.equal(await isOpen("results"), true);

  const count = (state) => page.locator(`details.section${state}`).count();
  await page.getByRole("button", { name: "Fold all" }).click();
  assert.equal(await count("[open]"), 0);
  await page.getByRole("button", { name: "Open all" }).click();
  assert.equal(await count(":not([open])"), 0);
});

test("links open folded sections, reach a clip and restore choices", async () => {
  assert.equal(await isOpen("confusions"), false);
  await page.locator(".contents a", { hasText: "Confusion matrices" }).click();
  await page.waitForFunction(() => document.querySelector("#confusions").open);
  assert.ok(await page.$eval("#confusions", (section) => section.getBoundingClientRect().top < innerHeight));
  await page.waitForFunction(() => document.querySelector(".contents [aria-current]")?.textContent === "Confusion matrices");

  await follow("classes?model=ce&find=hair");
  assert.equal(await page.$eval("#classes select", (select) => select.value), "ce");
  assert.deepEqual(await column("#classes table", 1), ["brush hair"]);

  // Unknown values choose the first.
  await follow("examples?class=no+such+class&verdict=%3Cb%3E");
  assert.equal(await page.locator(".example[hidden]").count(), 0);
  await follow("classes?model=nobody");
  assert.equal(await page.$eval("#classes select", (select) => select.value), "albar");
  assert.ok((await column("#classes table", 1)).length > 2);

  // A link to a clip shows it although the filter hides it.
  await follow("examples?class=brush+hair");
  const hidden = await page.$eval(".example[hidden]", (card) => card.id);
  await page.locator("#examples > summary").click();
  await follow(hidden);
  assert.equal(await isOpen("examples"), true);
  assert.ok(await page.locator(`[id="${hidden}"]`).isVisible());
});

test("the page has a section for each kind of figures, and the contents name them all", async () => {
  const ids = await page.$$eval("details.section", (sections) => sections.map((section) => section.id));
  assert.deepEqual(ids, ["results", "further", "figures", "examples", "classes", "significance", "groups", "standard", "reliability", "confidence", "confusions", "training", "runs"]);
  assert.deepEqual(await page.$$eval(".contents a", (links) => links.map((link) => link.hash.slice(1))), ids);
});

test("one table shows the classes of the chosen model", async () => {
  const bodies = () => page.$$eval("#classes tbody:not([hidden])", (bodies) => bodies.map((body) => body.dataset.model));
  assert.deepEqual(await bodies(), ["albar"]);
  await choose("classes", "model", "ce");
  assert.deepEqual(await bodies(), ["ce"]);
  assert.equal(await fragment(), "#classes?model=ce");

  await page.locator("#classes th", { hasText: "Class" }).getByRole("button").click();
  const names = await column("#classes table", 1);
  assert.deepEqual(names, [...names].sort());
  await page.fill("#classes input", "HAIR");
  assert.deepEqual(await column("#classes table", 1), ["brush hair"]);
  assert.match(await page.textContent("#classes output"), /^1 of \d+ classes$/);
});

test("nothing scrolls sideways at 1280 pixels, and a phone shows a menu", async () => {
  assert.deepEqual(await sideways(page), []);

  await page.setViewportSize({ width: 400, height: 800 });
  assert.ok(!(await sideways(page)).includes("page"));
  const menu = page.locator(".contents .menu");
  const link = page.locator(".contents a").first();
  assert.equal(await link.isVisible(), false);
  await menu.press("Enter");
  assert.equal(await link.isVisible(), true);
  await page.keyboard.press("Escape");
  assert.equal(await link.isVisible(), false);
  await page.setViewportSize({ width: 1280, height: 900 });
});

test("the keyboard reaches the skip link first and everything that can be used", async () => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  const unreachable = await page.$$eval("button, select, input, summary, a, .scroll", (controls) => controls.filter((control) => control.tabIndex < 0).length);
  assert.equal(unreachable, 0);
});

// Colors do not depend on the width.
for (const [colorScheme, width] of [["light", 1280], ["dark", 400]]) {
  test(`axe finds nothing in ${colorScheme} at ${width} pixels`, async () => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await violations(page), []);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: null });
  });
}

test("a print has every section and every frame, on white, without controls", async () => {
  await page.evaluate(() => addEventListener("beforeprint", () => (window.folded = document.querySelectorAll("details:not([open])").length)));
  const pdf = await page.pdf({ format: "A4" });
  assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
  assert.equal(await page.evaluate(() => window.folded), 0);
  assert.equal(await isOpen("confusions"), false);

  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  for (const part of [".contents", ".filters", ".controls"]) assert.equal(await page.locator(part).first().isVisible(), false);
  assert.equal(await page.locator(".player .frames img").nth(5).isVisible(), true);
  assert.equal(await page.$eval("body", (body) => getComputedStyle(body).backgroundColor), "rgb(252, 252, 250)");
  await page.emulateMedia({ media: null, colorScheme: null });
});

test("without scripts everything is shown", async () => {
  const plain = await open(browser, PAGE, { javaScriptEnabled: false });
  for (const part of ["#classes tbody", ".player .frames img", ".contents a"]) {
    const parts = plain.page.locator(part);
    assert.equal(await parts.last().isVisible(), true);
  }
  assert.equal(await plain.page.locator(".filters").first().isVisible(), false);
  await plain.context.close();
});

test("the policy stops foreign styles and scripts", async () => {
  const name = "changed.html";
  const changed = await open(browser, name);
  assert.equal(await changed.page.locator("h1").isVisible(), true);
  assert.equal(await changed.page.title(), "Bias report: Quickstart");
  assert.equal(changed.faults.filter((fault) => /Content Security Policy/.test(fault)).length, 3);
  await changed.context.close();
});
