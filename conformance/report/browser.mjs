// Opens reports in a real browser and holds them to what docs/report.md says:
// no message on the console, no request beside the file, nothing cut off at
// three widths in light and dark, no serious or critical finding of axe-core,
// usable by keyboard, whole on paper, and open within a time.
//
//   node browser.mjs MODULES BROWSER SHOTS MILLISECONDS REPORT.html...
//
// MODULES is the folder node_modules with playwright-core and axe-core, SHOTS a
// folder for screenshots.
import { createRequire } from "node:module";
import { readFileSync, mkdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, executablePath, shots, limit, ...files] = process.argv.slice(2);
const require = createRequire(join(resolve(modules), "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
mkdirSync(shots, { recursive: true });

let failures = 0;
const check = (ok, what) => {
  if (!ok) failures++;
  console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
};

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
for (const file of files) {
  const name = basename(file, ".html");
  const url = pathToFileURL(resolve(file)).href;
  const messages = [], requests = [];
  const open = async (width, colorScheme) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    page.on("console", (m) => messages.push(m.text()));
    page.on("pageerror", (e) => messages.push(String(e)));
    page.on("request", (r) => r.url() !== url && requests.push(r.url()));
    const start = performance.now();
    await page.goto(url, { waitUntil: "load" });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    return [page, performance.now() - start];
  };
  const audit = (page) => page.evaluate(`${axe}; axe.run({ resultTypes: ["violations"] })`);

  const times = []; // whatever else the machine does only adds to one of them
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 768, 1280]) {
      const at = `${name} ${width} ${colorScheme}`;
      const [page, took] = await open(width, colorScheme);
      times.push(took);
      await page.screenshot({ path: join(shots, `${at.replaceAll(" ", "-")}.png`) });
      // What is off the screen is not drawn until it is scrolled to.
      const whole = await page.evaluate(() => {
        document.querySelectorAll("article.long").forEach((a, i) => i < 20 && (a.style.contentVisibility = "visible"));
        return document.documentElement.scrollHeight;
      });
      if (whole < 40000) await page.screenshot({ path: join(shots, `${at.replaceAll(" ", "-")}-whole.png`), fullPage: true });
      // The audit takes a second a finding: a few stand for all.
      await page.evaluate(() => document.querySelectorAll("article.long").forEach((a, i) => i < 6 || a.remove()));
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
      const wide = await page.evaluate(() => {
        const over = [];
        for (const e of document.querySelectorAll("body *"))
          if (!e.closest(".scroll, .sr, .skip") && e.getBoundingClientRect().right > innerWidth + 1) over.push(`${e.tagName}.${e.className}`);
        return over.slice(0, 5);
      });
      check(wide.length === 0, `${at}: nothing is cut off ${wide}`);
      const broken = await page.evaluate(() => {
        const lines = (e) => {
          const r = document.createRange();
          r.selectNodeContents(e);
          return new Set([...r.getClientRects()].map((c) => Math.round(c.top))).size;
        };
        return [...document.querySelectorAll("td.wide.id")].filter((e) => lines(e) > 1).map((e) => e.textContent).slice(0, 5);
      });
      check(broken.length === 0, `${at}: ids stand in one line ${broken}`);
      const { violations } = await audit(page);
      const bad = violations.filter((v) => ["serious", "critical"].includes(v.impact));
      check(bad.length === 0, `${at}: axe ${bad.map((v) => `${v.id} (${v.nodes.length}: ${v.nodes[0].html.slice(0, 120)} ${v.nodes[0].failureSummary})`)}`);
      for (const v of violations) if (!bad.includes(v)) console.log(`     ${at}: minor: ${v.id}, ${v.nodes.length} times: ${v.nodes[0].html.slice(0, 120)}`);
      if (width === 768 && colorScheme === "light") {
        await page.screenshot({ path: join(shots, `${name}-open.png`), fullPage: whole < 40000 });
      }
      await page.close();
    }
  }
  check(Math.min(...times) < Number(limit), `${name}: opens within ${limit} ms (${times.map(Math.round).join(", ")})`);

  const [page] = await open(1280, "light");
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.querySelector(`main ${document.activeElement.getAttribute("href")}`) !== null), `${name}: the first stop of the keyboard skips to what the page is about`);
  const first = page.locator("article details:not([open]) > summary").first();
  if (await first.count()) {
    await first.focus();
    await page.keyboard.press("Enter");
    check(await page.evaluate(() => document.activeElement.parentElement.open), `${name}: Enter opens what has the focus`);
    await page.emulateMedia({ media: "print" });
    const hidden = await page.evaluate(() => [...document.querySelectorAll("article details:not([open]) > :not(summary)")].filter((e) => !e.getBoundingClientRect().height).length);
    check(hidden === 0, `${name}: what is folded on the screen is on paper (${hidden} are not)`);
  }
  await page.close();
  check(messages.length === 0, `${name}: no message on the console ${messages.slice(0, 3)}`);
  check(requests.length === 0, `${name}: no request ${requests.slice(0, 3)}`);
}
await browser.close();
process.exit(failures ? 1 : 0);
