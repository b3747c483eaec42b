"use strict";

// Controls a headless Chromium. It reads one command per line; see package browser.

const path = require("path");
const axe = require("axe-core");
const { chromium } = require("playwright-core");
const { report, serve } = require(path.join(__dirname, "../nodejs/lines.js"));

const { executable, patience } = JSON.parse(process.argv[2]);
const pages = [];
const problems = []; // of each page
let browser; // a promise

/** breakWebSocket replaces WebSocket with one that never connects. It runs in the page. */
function breakWebSocket() {
  window.WebSocket = class extends EventTarget {
    static OPEN = 1;
    constructor() {
      super();
      setTimeout(() => this.onclose?.({ code: 1006 }));
    }
    send() {}
    close() {}
  };
}

// Chromium logs an unreachable server to the console, even if the page handles the error.
const unreachable =
  /ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|WebSocket is closed|status of 50[0-9]|status of 400/;

async function open({ name, url, width, height, scale, touch, dark, reducedMotion, noWebSocket }) {
  const context = await (await browser).newContext({
    viewport: { width, height }, deviceScaleFactor: scale, isMobile: touch, hasTouch: touch,
    colorScheme: dark ? "dark" : "light", reducedMotion: reducedMotion ? "reduce" : "no-preference",
  });
  context.setDefaultTimeout(patience);
  if (noWebSocket) await context.addInitScript(breakWebSocket);
  const page = await context.newPage();
  const origin = new URL(url).origin;
  const own = (problems[pages.push(page) - 1] = []);
  const note = (what) => own.push(`page ${name}: ${what}`);
  page.on("pageerror", (err) => note(err.stack));
  page.on("console", (m) => {
    if (m.type() === "error" && !unreachable.test(m.text())) note(m.text());
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(origin + "/") && !/^(data|blob|file):/.test(r.url())) note(`it requests ${r.url()}`);
  });
  await page.goto(url);
  return pages.indexOf(page);
}

const first = ({ page, selector }) => pages[page].locator(selector).first();

const visible = ({ page, selector, text }) => {
  const all = pages[page].locator(selector);
  return (text ? all.filter({ hasText: text }) : all).filter({ visible: true });
};

/** drag dispatches the events of a file that is dragged over an element. */
async function drag({ page, selector, name, kind, data }, events) {
  const dispatch = (element, { name, kind, base64, events }) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: kind }));
    for (const type of events) {
      element.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  };
  await first({ page, selector }).evaluate(dispatch, { name, kind, base64: data, events });
}

/** poll waits until a condition holds. The page's security policy rules out playwright's waitForFunction. */
async function poll(condition, description) {
  const limit = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`it did not become true: ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** violations runs axe-core, rules and best practices alike. */
async function violations({ page }) {
  await pages[page].evaluate(axe.source);
  const { violations } = await pages[page].evaluate("axe.run()");
  const describe = ({ id, help }, node) => `${id}: ${help}: ${node.html}\n${node.failureSummary}`;
  return violations.flatMap((v) => v.nodes.map((node) => describe(v, node)));
}

const commands = {
  open,
  locate: async ({ page, selector, method, args }) => void (await first({ page, selector })[method](...(args || []))),
  see: (target) => visible(target).first().waitFor(),
  notSee: (target) => poll(async () => !(await visible(target).count()), `no ${target.selector} with ${target.text}`),
  count: ({ page, selector }) => pages[page].locator(selector).count(),
  evaluate: ({ page, expression }) => pages[page].evaluate(expression),
  until: ({ page, expression }) => poll(() => pages[page].evaluate(expression), expression),
  pressKey: ({ page, key }) => pages[page].keyboard.press(key),
  mouseDown: ({ page, selector }) => first({ page, selector }).hover().then(() => pages[page].mouse.down()),
  mouseUp: ({ page }) => pages[page].mouse.up(),
  drag: (target) => drag(target, ["dragenter", "dragover"]),
  dragOut: (target) => drag(target, ["dragleave"]),
  drop: (target) => drag(target, ["dragenter", "dragover", "drop"]),
  violations,
  screenshot: async ({ page, path }) => void (await pages[page].screenshot({ path })),
  setOffline: ({ page, offline }) => pages[page].context().setOffline(offline),
  emulate: async ({ page, width, height, dark }) => {
    await pages[page].setViewportSize({ width, height });
    await pages[page].emulateMedia({ colorScheme: dark ? "dark" : "light" });
  },
  closePage: async ({ page }) => {
    await pages[page].context().close();
    return problems[page];
  },
  close: async () => (await browser).close(),
};

browser = chromium.launch({
  executablePath: executable,
  timeout: patience,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
browser.catch(() => {}); // the command that opens a page returns the error
serve(commands);
report("ready");
