"use strict";

// A headless Chromium that takes commands, one per line: see package browser.

const path = require("path");
const { chromium } = require("playwright-core");
const { report, serve } = require(path.join(__dirname, "../nodejs/lines.js"));

const { executable, patience } = JSON.parse(process.argv[2]);
const pages = [];
const complaints = []; // of each page
let browser; // a promise of it

/** refuse stands for a network that lets no WebSocket through. */
function refuse() {
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

async function open({ name, url, width, height, scale, touch, dark, still, noWebSocket }) {
  const context = await (await browser).newContext({
    viewport: { width, height }, deviceScaleFactor: scale, isMobile: touch, hasTouch: touch,
    colorScheme: dark ? "dark" : "light", reducedMotion: still ? "reduce" : "no-preference",
  });
  context.setDefaultTimeout(patience);
  if (noWebSocket) await context.addInitScript(refuse);
  const page = await context.newPage();
  const home = new URL(url).origin;
  const own = (complaints[pages.push(page) - 1] = []);
  const complain = (what) => own.push(`page ${name}: ${what}`);
  page.on("pageerror", (err) => complain(err.stack));
  page.on("console", (m) => {
    // A server that is not there is reported to the console whatever the page does about it.
    if (m.type() === "error" && !/ERR_CONNECTION_|ERR_EMPTY_RESPONSE|WebSocket is closed|status of 50[0-9]|status of 400/.test(m.text())) complain(m.text());
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(home + "/") && !/^(data|blob|file):/.test(r.url())) complain(`asks for ${r.url()}`);
  });
  await page.goto(url);
  return pages.indexOf(page);
}

const first = ({ page, selector }) => pages[page].locator(selector).first();
const seen = ({ page, selector, text }) => {
  const all = pages[page].locator(selector);
  return (text ? all.filter({ hasText: text }) : all).filter({ visible: true });
};

/** drag makes the events of a file that is dragged over an element. */
async function drag({ page, selector, name, kind, data }, events) {
  await first({ page, selector }).evaluate(
    (element, { name, kind, base64, events }) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type: kind }));
      for (const type of events) element.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    { name, kind, base64: data, events }
  );
}

/** eventually looks until what is promised holds. The page's own policy forbids it to be told when. */
async function eventually(holds, promise) {
  const limit = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > limit) throw new Error(`it never came true: ${promise}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const commands = {
  open,
  do: ({ page, method, selector, args }) => first({ page, selector })[method](...(args || [])).then(() => undefined),
  see: (in_) => seen(in_).first().waitFor(),
  miss: (in_) => eventually(async () => !(await seen(in_).count()), `${in_.selector} with ${in_.text} is not there`),
  count: ({ page, selector }) => pages[page].locator(selector).count(),
  evaluate: ({ page, expression }) => pages[page].evaluate(expression),
  until: ({ page, expression }) => eventually(() => pages[page].evaluate(expression), expression),
  key: ({ page, key }) => pages[page].keyboard.press(key),
  drag: (in_) => drag(in_, ["dragenter", "dragover"]),
  drop: (in_) => drag(in_, ["dragenter", "dragover", "drop"]),
  shoot: ({ page, path }) => pages[page].screenshot({ path }).then(() => undefined),
  turn: async ({ page, width, height, dark }) => {
    await pages[page].setViewportSize({ width, height });
    await pages[page].emulateMedia({ colorScheme: dark ? "dark" : "light" });
  },
  shut: async ({ page }) => {
    await pages[page].context().close();
    return complaints[page];
  },
  close: async () => (await browser).close(),
};

browser = chromium.launch({
  executablePath: executable,
  timeout: patience,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
browser.catch(() => {}); // who opens a page is told
serve(commands);
report("ready");
