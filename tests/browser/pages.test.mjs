// Claims about a large page, a page of hostile names, and the pages of other commands.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { addressOf, launch, open, sideways, violations } from "./browser.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test("400 classes, 12 tasks and 4 models open in 2 seconds and fit the width", async () => {
  const { page, faults } = await open(browser, "large.html");
  // CPU time of the page, because other programs share the machine.
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto(addressOf("large.html"));
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  const { metrics } = await session.send("Performance.getMetrics");
  const seconds = metrics.find(({ name }) => name === "TaskDuration").value;
  assert.ok(seconds > 0.05 && seconds < 2, `${seconds}`);

  assert.equal(await page.locator("#classes tbody:not([hidden]) tr:not(.model)").count(), 400);
  await page.locator("#classes th", { hasText: "SCUFO" }).getByRole("button").click();
  await page.selectOption("#classes select", { index: 3 });
  assert.deepEqual(await sideways(page), []);
  assert.deepEqual(faults, []);
});

test("hostile names are text in tables, choices, filters and links", async () => {
  const { page, faults } = await open(browser, "hostile.html");
  const names = await page.$$eval("#examples [data-state=class] option", (options) => options.slice(1).map((option) => option.value));
  assert.ok(names.length > 8);
  assert.ok(names.some((name) => name.includes("<script>")));

  for (const name of names) {
    await page.selectOption("#examples [data-state=class]", name);
    const shown = await page.$$eval(".example:not([hidden])", (cards) => cards.map((card) => card.querySelector("h3").textContent));
    assert.deepEqual(new Set(shown), new Set([name]));
    // Follows the link to this choice from another one.
    const link = await page.evaluate(() => location.hash);
    await page.selectOption("#examples [data-state=class]", "");
    await page.evaluate((link) => (location.hash = link), link);
    await page.waitForFunction(() => document.querySelector("#examples [data-state=class]").selectedIndex > 0);
    assert.equal(await page.$eval("#examples [data-state=class]", (select) => select.value), name);
  }

  const ids = await page.$$eval(".example", (cards) => cards.map((card) => card.id));
  assert.equal(new Set(ids).size, ids.length);
  for (const text of ["<script>document.title='RAN'</script>", "\"><img src=x onerror=RAN>", "%3Cscript%3E", "?class=&model="]) {
    await page.evaluate((text) => (location.hash = text), text);
    await page.evaluate((text) => (location.hash = `examples?class=${text}&model=${text}&verdict=${text}`), text);
  }
  await page.fill("#classes input", "<img");
  assert.equal(await page.title(), "Bias report: Quickstart");
  assert.deepEqual(await violations(page), []);
  assert.ok(!(await sideways(page)).includes("page"));
  assert.deepEqual(faults, []);
});

for (const name of ["predict.html", "attribution.html"]) {
  test(`${name} is sound in light and dark`, async () => {
    const { page, faults } = await open(browser, name);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await violations(page), []);
    }
    assert.ok(!(await sideways(page)).includes("page"));
    assert.deepEqual(faults, []);
  });
}
