// A resident's way through a poll in headless Chromium: look, sign in, vote,
// see the result, change the vote. Once with JavaScript and by keyboard, once
// without JavaScript and by touch. Then visits to further pages, signed in or
// not. Every page met is photographed narrow and wide, light and dark, and
// checked with axe.
//
//   node journey.mjs '{"chromium":"/usr/bin/chromium","base":"https://kamianske.test",
//     "poll":"https://…/polls/…","people":[{"email":"…","password":"…"},{…}],
//     "hidden":["1 234"],"hosts":{"kamianske.test:443":"127.0.0.1:40001"},"out":"pictures",
//     "visits":[{"name":"stranger","pages":{"home":"/"}},{"name":"desk","email":"…","password":"…","pages":{…}}]}'
//
// `hidden` are numbers, written as pages write them, that must be nowhere on the page before the vote and on
// it afterwards; `looks` is how many of the four looks are taken. Prints {"runs":[{…,"problems":[…]}]}; exit 1 if there are any.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

// What the pages say: the only place to change when a word changes.
const words = {
  email: "Електронна пошта",
  password: "Пароль",
  signIn: "Увійти",
  signedIn: "Вийти",
  vote: "Проголосувати",
  change: "Змінити голос",
  // A page that asks once more, after a choice was made.
  confirm: /^(Проголосувати|Змінити голос|Змінити|Підтвердити)$/,
  beforeVote: /Результати відкриються після вашої відповіді/,
  counted: /голос враховано/,
  changed: /Новий голос враховано/,
};
const paths = { signIn: "/sign-in" };

const axeTags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const leastTarget = 44;

const settings = JSON.parse(process.argv[2]);
const looks = [360, 1280].flatMap((width) => ["light", "dark"].map((scheme) => ({ width, scheme })))
  .slice(0, settings.looks ?? 4);
mkdirSync(settings.out, { recursive: true });

const rules = Object.entries(settings.hosts ?? {}).map(([from, to]) => `MAP ${from} ${to}`);
const browser = await chromium.launch({
  executablePath: settings.chromium,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    ...(rules.length ? [`--host-resolver-rules=${rules.join(",")}`] : []),
  ],
});

class Run {
  constructor(name, javascript) {
    this.report = { name, javascript, steps: [], axe: [], problems: [] };
  }

  async open() {
    this.context = await browser.newContext({
      javaScriptEnabled: this.report.javascript,
      ignoreHTTPSErrors: true,
      locale: "uk-UA",
      timezoneId: "Europe/Kyiv",
      viewport: { width: looks[0].width, height: 800 },
    });
    this.context.setDefaultTimeout(15_000);
    this.page = await this.context.newPage();
    const ours = new Set([settings.base, settings.poll].map((url) => new URL(url).origin));
    this.page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && !ours.has(url.origin)) this.problem(`request to a third party: ${url.origin}`);
    });
    this.page.on("console", (message) => {
      if (message.type() === "error") this.problem(`browser console: ${message.text()}`);
    });
    this.page.on("pageerror", (error) => this.problem(`script error: ${error.message}`));
  }

  problem(text) {
    const step = this.report.steps.at(-1)?.name ?? "start";
    const line = `${step}: ${text}`;
    if (!this.report.problems.includes(line)) this.report.problems.push(line);
  }

  expect(holds, text) {
    if (!holds) this.problem(text);
  }

  async goto(url) {
    const response = await this.page.goto(url);
    this.expect(response.ok(), `${url} answered ${response.status()}`);
  }

  // Photographs and checks the page as it stands.
  async step(name) {
    const pictures = [];
    const step = { name, url: this.page.url(), title: await this.page.title(), pictures, milliseconds: 0 };
    this.report.steps.push(step);
    const begun = performance.now();
    for (const { width, scheme } of looks) {
      await this.page.setViewportSize({ width, height: 800 });
      await this.page.emulateMedia({ colorScheme: scheme });
      const file = `${this.report.name}-${name}-${width}-${scheme}.png`;
      await this.page.screenshot({ path: join(settings.out, file), fullPage: true, animations: "disabled" });
      pictures.push(file);
      if (this.report.javascript) await this.axe(name, width, scheme);
    }
    await this.fits();
    step.milliseconds = Math.round(performance.now() - begun);
  }

  // All rules at the first and the last look, which differ in width and in
  // colours; at those between, the one rule that colours decide.
  async axe(step, width, scheme) {
    // Legacy mode spares a blank page for each check; it lacks foreign frames
    // only, and no page of ours has any.
    const builder = new AxeBuilder({ page: this.page }).setLegacyMode(true);
    const corner = [looks.at(0), looks.at(-1)].some((look) => look.width === width && look.scheme === scheme);
    const { violations } = await (corner ? builder.withTags(axeTags) : builder.withRules(["color-contrast"])).analyze();
    for (const { id, help, nodes } of violations) {
      this.report.axe.push({ step, width, scheme, id, help, nodes: nodes.map((node) => node.html.slice(0, 300)) });
      this.problem(`axe ${id} at ${width} ${scheme}: ${help}: ${nodes[0].target.join(" ")}`);
    }
  }

  // Narrow screens do not scroll sideways, and a thumb hits every control.
  async fits() {
    await this.page.setViewportSize({ width: 320, height: 800 });
    const { scrollWidth, clientWidth } = await this.page.locator("html").evaluate((html) => ({
      scrollWidth: html.scrollWidth, clientWidth: html.clientWidth,
    }));
    this.expect(scrollWidth <= clientWidth, `scrolls sideways at 320 px: ${scrollWidth} px wide`);
    await this.page.setViewportSize({ width: looks[0].width, height: 800 });
    for (const control of await this.page.locator("button, input[type=submit], label:has(input[type=radio]), label:has(input[type=checkbox])").all()) {
      const box = await control.boundingBox();
      if (box === null || box.width === 0) continue;
      const name = (await control.textContent()).trim().replace(/\s+/g, " ");
      this.expect(box.height >= leastTarget, `«${name}» is ${Math.round(box.height)} px high, less than ${leastTarget}`);
    }
  }

  // With JavaScript a control is reached and pressed by keyboard alone.
  async press(control, key) {
    if (!this.report.javascript) {
      await control.click();
      return;
    }
    const focused = () => control.evaluate((element) => element === document.activeElement);
    for (let tabs = 0; tabs < 100 && !(await focused()); tabs++) await this.page.keyboard.press("Tab");
    if (!(await focused())) {
      this.problem(`the keyboard does not reach ${control}`);
      await control.focus();
    }
    await this.page.keyboard.press(key);
  }

  async submit(button) {
    await Promise.all([this.page.waitForEvent("load"), this.press(button, "Enter")]);
  }

  choices() {
    return this.page.locator("main").getByRole("radio").or(this.page.locator("main").getByRole("checkbox"));
  }

  // Chooses one option and sends the form, through a page that asks again if
  // there is one. Returns the option's name.
  async choose(index, button) {
    const choice = this.choices().nth(index);
    // Tab reaches the group of radio buttons; the arrows move within it.
    if (this.report.javascript && (await choice.getAttribute("type")) === "radio") {
      await choice.focus();
      await this.page.keyboard.press("Space");
    } else {
      await choice.check();
    }
    const name = await choice.evaluate((input) => (input.labels[0]?.textContent ?? "").trim().replace(/\s+/g, " "));
    this.expect(name !== "", `option ${index} has no label`);
    await this.submit(this.page.getByRole("button", { name: button, exact: true }).first());
    for (let asked = 0; asked < 2 && (await this.choices().count()) === 0; asked++) {
      const again = this.page.locator("main").getByRole("button", { name: words.confirm }).first();
      if ((await again.count()) === 0) break;
      await this.step(`${button === words.vote ? "vote" : "change"}-check`);
      await this.submit(again);
    }
    return name;
  }

  async text() {
    return (await this.page.locator("main").innerText()).replace(/[\u00a0\u202f]/g, " ");
  }

  // Fills in the form of the page it is on.
  async signIn({ email, password }) {
    const { page } = this;
    await page.getByLabel(words.email).fill(email);
    await page.getByLabel(words.password, { exact: true }).fill(password);
    await this.submit(page.locator("main").getByRole("button", { name: words.signIn, exact: true }));
    const out = page.getByRole("button", { name: words.signedIn }).or(page.getByRole("link", { name: words.signedIn }));
    this.expect((await out.count()) > 0, `no «${words.signedIn}» after signing in`);
  }

  async visit({ email, password, pages }) {
    if (email !== undefined) {
      await this.goto(new URL(paths.signIn, settings.base).href);
      await this.signIn({ email, password });
    }
    for (const [name, path] of Object.entries(pages)) {
      await this.goto(new URL(path, settings.base).href);
      await this.step(name);
      this.expect((await this.page.getByRole("heading", { level: 1 }).count()) === 1, "has not exactly one main heading");
      this.expect((await this.page.locator("html").getAttribute("lang")) !== null, "does not say its language");
    }
  }

  async journey(person) {
    const { page } = this;
    await this.goto(settings.poll);
    await this.step("poll-stranger");
    await this.showsNothing();

    await this.goto(new URL(paths.signIn, settings.base).href);
    await this.step("signin");
    await this.signIn(person);
    await this.step("signed-in");

    await this.goto(settings.poll);
    await this.step("poll-open");
    await this.showsNothing();
    this.expect(words.beforeVote.test(await this.text()), "does not say that results open after the vote");
    this.expect((await page.locator("main :checked").count()) === 0, "an option is chosen before anybody chose");

    this.report.voted = await this.choose(0, words.vote);
    await this.step("voted");
    this.expect(words.counted.test(await this.text()), "does not say that the vote counts");
    await this.goto(settings.poll);
    await this.step("poll-voted");
    await this.showsResult();

    if ((await this.choices().count()) === 0) {
      const change = page.locator("main").getByRole("link", { name: words.change })
        .or(page.locator("main").getByRole("button", { name: words.change }));
      await this.submit(change.first());
      await this.step("change");
    }
    this.report.changed = await this.choose(1, words.change);
    await this.step("changed");
    this.expect(words.changed.test(await this.text()), "does not say that the new vote counts");
    await this.goto(settings.poll);
    await this.step("poll-changed");
    await this.showsResult();
  }

  // Before the vote: no share, no chart, none of the numbers that the test
  // knows, neither in the text nor in the source.
  async showsNothing() {
    const source = (await this.page.content()).replace(/[\u00a0\u202f]|&nbsp;/g, " ");
    for (const hidden of settings.hidden ?? []) {
      this.expect(!tells(source, hidden), `tells ${hidden} before the vote`);
    }
    this.expect(!/\d\s*%/.test(await this.text()), "tells a share in per cent before the vote");
    const charts = await this.page.locator("main").locator("table, meter, progress, figure svg").count();
    this.expect(charts === 0, "shows a table or a chart before the vote");
  }

  async showsResult() {
    const text = await this.text();
    for (const hidden of settings.hidden ?? []) {
      this.expect(tells(text, hidden), `does not tell ${hidden} after the vote`);
    }
    this.expect((await this.page.locator("main table").count()) > 0, "has no table of the result after the vote");
  }
}

// A number within a longer one, or within an identifier, is another number.
function tells(text, number) {
  return new RegExp(`(?<![\\w-])${number}(?![\\w-])`, "u").test(text);
}

const runs = [];
function report() {
  console.log(JSON.stringify({ runs }, null, 1));
  process.exitCode = runs.some((run) => run.problems.length > 0) ? 1 : 0;
}
process.on("SIGTERM", () => {
  runs.at(-1)?.problems.push(`${runs.at(-1).steps.at(-1)?.name ?? "start"}: stopped: out of time`);
  report();
  process.exit(1);
});

async function walk(name, javascript, way) {
  const run = new Run(name, javascript);
  runs.push(run.report);
  try {
    await run.open();
    await way(run);
  } catch (error) {
    run.problem(`stopped: ${error.message}`);
    await run.page?.screenshot({ path: join(settings.out, `${name}-stopped.png`), fullPage: true }).catch(() => {});
  } finally {
    await run.context?.close();
  }
}

await walk("js", true, (run) => run.journey(settings.people[0]));
await walk("nojs", false, (run) => run.journey(settings.people[1]));
for (const visit of settings.visits ?? []) {
  await walk(visit.name, true, (run) => run.visit(visit));
}
await browser.close();
report();
