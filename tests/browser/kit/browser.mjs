// The browser, and pages that are watched: whatever a page does that no page of ours may do fails the test that opened it.
// What does not live here: what is asked of a page that behaves (checks.mjs).

import assert from 'node:assert/strict';
import { after } from 'node:test';

import { chromium } from './packages.mjs';

// The flags keep Chromium from looking for Google's hosts; without a sandbox it runs as root too.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// One browser for each file of stories, started when the first page is opened.
let started;

after(async () => (await started)?.close());

async function browser() {
  started ??= chromium.launch({ executablePath: process.env.KINLINK_TEST_CHROMIUM, args: FLAGS });
  return started;
}

// Opens a page in a browser context of its own. `t` is the test: at its end the context is closed, and the test fails if the
// page did what no page may do. `options` are Playwright's for a context; `as` is who is signed in, from `signIn`; `also` is
// another site that the page may load from; `expected` matches what the browser may say on its console. The page has one
// method more than Playwright's: `sent()` gives the HTML of the document as the server sent it.
export async function open(t, kinlink, { as, also, expected, ...options } = {}) {
  const context = await (await browser()).newContext({
    baseURL: kinlink.address,
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    storageState: as,
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const faults = [];
  watchContext(context, { origins: [kinlink.address, also], expected }, faults);
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, [], 'the page did what no page may do');
  });
  const page = await context.newPage();
  // The document as it was sent last.
  let document = async () => '';
  page.on('response', (response) => {
    const isDocument = response.request().isNavigationRequest() && response.frame() === page.mainFrame();
    if (isDocument && ![301, 302, 303, 307, 308].includes(response.status())) {
      const text = response.text();
      // Who asks gets the failure, if the page was left meanwhile.
      text.catch(() => {});
      document = () => text;
    }
  });
  page.sent = () => document();
  return page;
}

// Signs a member of staff in and gives what `open` takes as `as`.
export async function signIn(kinlink, person, role) {
  const context = await (await browser()).newContext({ baseURL: kinlink.address });
  const page = await context.newPage();
  await page.goto(await kinlink.signInLink(person, role));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/admin/requests');
  const state = await context.storageState();
  await context.close();
  return state;
}

// Signs in with each role that pages of the register need; gives who is signed in by a page of the register.
export async function staffSessions(kinlink, wanted = true) {
  const sessions = wanted && {
    administrator: await signIn(kinlink),
    viewer: await signIn(kinlink, 'vic', 'viewer'),
  };
  return ({ whose, signedOut, role = 'administrator' }) => (whose === 'staff' && !signedOut ? sessions[role] : undefined);
}

function watchContext(context, { origins, expected }, faults) {
  context.on('page', (page) => {
    page.on('dialog', async (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on('pageerror', (error) => faults.push(`uncaught error at ${page.url()}: ${error}`));
    page.on('crash', () => faults.push(`crashed at ${page.url()}`));
  });
  context.on('console', (message) => {
    // The browser reports every answer of 400 and more here; `response` below knows which of them are wrong.
    const isStatus = message.text().startsWith('Failed to load resource: the server responded with a status of');
    if (['error', 'warning'].includes(message.type()) && !isStatus && !expected?.test(message.text())) {
      faults.push(`console at ${message.location().url}: ${message.text()}`);
    }
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (!origins.includes(url.origin) && url.protocol !== 'data:') {
      faults.push(`loads from elsewhere: ${request.url()}`);
    }
  });
  context.on('requestfailed', (request) => {
    // A page that is left stops what it was asking for.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') {
      faults.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
    }
  });
  context.on('response', (response) => {
    const isPage = response.request().isNavigationRequest();
    if (response.status() >= (isPage ? 500 : 400)) {
      faults.push(`${response.status()} from ${response.url()}`);
    }
  });
}
