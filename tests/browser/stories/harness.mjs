// The checks themselves: each must find what it is there for. Without this, a check that finds nothing any more would look like
// pages without faults.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { open } from '../kit/browser.mjs';
import * as checks from '../kit/checks.mjs';

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'";

// A page without a fault; faults are put into it.
const page = ({ head = '', body = '', title = 'Good page' } = {}) => `<!doctype html>
<html lang="en" dir="ltr"><head><meta charset="utf-8"><title>${title} – School</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/good.css">${head}</head>
<body><a class="skip" href="#main">Skip to main content</a><main id="main"><h1>Good page</h1>
<p><a href="/good">A link</a></p>${body}</main></body></html>`;

const FILES = {
  '/good': page(),
  '/good.css': 'body { background: #fff; color: #111 } a { color: #00f } :focus-visible { outline: 3px solid #00f }',
  '/bad.css': '.bare:focus-visible { outline: none } .wide { width: 400px } .table-wrap { overflow-x: auto } .table-wrap p { width: 2500px } .bar { position: fixed; inset: 0 0 auto; height: 90vh; background: #eee } .pale { color: #ccc }',
  '/icon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  '/dialog.js': 'alert(1)',
  '/error.js': 'throw new Error("uncaught")',
  '/dialog': page({ head: '<script defer src="/dialog.js"></script>' }),
  '/error': page({ head: '<script defer src="/error.js"></script>' }),
  '/inline-script': page({ body: '<script>document.title = "x"</script>' }),
  '/inline-style': page({ body: '<p style="color: red">x</p>' }),
  '/elsewhere': page({ body: '<img alt="" src="http://127.0.0.1:9/x.png">' }),
  '/lost': page({ body: '<img alt="" src="/nowhere.png">' }),
  '/wide': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<p class="wide">x</p>' }),
  '/boxed': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<div class="table-wrap"><p>x</p></div>' }),
  '/bare': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<p><a class="bare" href="/x">Bare</a></p>' }),
  '/covered': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<p class="bar">Bar</p>' }),
  '/pale': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<p class="pale">Pale words</p>' }),
  '/unlabelled': page({ body: '<input>' }),
  '/heavy': page({ body: `<p>${'x '.repeat(12_000)}</p>` }),
  '/unsound': page({ body: '<fieldset><p>x</p><legend>y</legend></fieldset>' }),
  '/menu': page({ body: '<nav>x</nav>' }),
  '/edgeless': page({ head: '<link rel="stylesheet" href="/bad.css">', body: '<p><a class="button" href="/x">Edgeless</a></p>' }),
  '/untitled': page({ title: 'Another page' }),
};

const TYPES = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

describe('the harness', () => {
  const server = createServer((request, response) => {
    const file = FILES[request.url];
    const type = TYPES[path.extname(request.url)] ?? 'text/html';
    response.writeHead(file ? 200 : 404, { 'content-type': type, 'content-security-policy': POLICY });
    response.end(file ?? '');
  });
  let site;
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    site = { address: `http://127.0.0.1:${server.address().port}` };
  });
  after(() => server.close());

  // A test whose end does not fail; it gives what the end would have thrown.
  async function watched(place) {
    const ends = [];
    const tab = await open({ after: (end) => ends.push(end) }, site);
    await tab.goto(place);
    await tab.waitForLoadState('networkidle');
    try {
      await ends[0]();
      return [];
    } catch (error) {
      return error.actual;
    }
  }

  test('lets a good page pass', async (t) => {
    const tab = await open(t, site);
    const weight = await checks.weight(tab, () => tab.goto('/good'));
    assert.equal(weight.parts.length, 3);
    checks.withinBudget(weight, 'public', 'good');
    await checks.soundHtml(await tab.sent(), 'good');
    await checks.frame(tab);
    await checks.axe(tab);
    await checks.noSidewaysScroll(tab);
    await checks.wideText(tab);
    assert.deepEqual(await checks.keyboardWalk(tab), ['a "Skip to main content"', 'a "A link"']);
    // The skip link of this page is on paper too.
    await assert.rejects(checks.printed(tab), /printed/);
    assert.deepEqual(await watched('/good'), []);
  });

  for (const [place, expected] of [
    ['/dialog', /^dialog: 1/],
    ['/error', /uncaught error/],
    ['/inline-script', /Content Security Policy/],
    ['/inline-style', /Content Security Policy/],
    ['/elsewhere', /loads from elsewhere/],
    ['/lost', /^404 from/],
  ]) {
    test(`sees ${place.slice(1)}`, async () => {
      const faults = await watched(place);
      assert(faults.some((fault) => expected.test(fault)), `${expected} is not among ${JSON.stringify(faults)}`);
    });
  }

  for (const [place, check, expected] of [
    ['/wide', checks.noSidewaysScroll, /320 px wide window/],
    ['/boxed', checks.noSidewaysScroll, /1280 px wide window scrolls to 2500 px in a table's box/],
    ['/bare', checks.keyboardWalk, /"Bare" has no ring/],
    ['/covered', checks.keyboardWalk, /is out of the window or covered/],
    ['/pale', checks.axe, /color-contrast/],
    ['/unlabelled', checks.axe, /label/],
    ['/unsound', async (tab) => checks.soundHtml(await tab.sent(), 'unsound'), /element-permitted-order/],
    ['/menu', checks.printed, /nav/],
    ['/edgeless', checks.forcedColours, /a\.button/],
    ['/untitled', checks.frame, /begins with the words of the h1/],
  ]) {
    test(`finds ${place.slice(1)}`, async (t) => {
      const tab = await open(t, site);
      await tab.goto(place);
      await assert.rejects(check(tab), (error) => expected.test(`${error.message} ${JSON.stringify(error.actual)}`));
    });
  }

  test('finds what is too heavy', async (t) => {
    const tab = await open(t, site);
    const weight = await checks.weight(tab, () => tab.goto('/heavy'));
    assert.throws(() => checks.withinBudget(weight, 'public', 'heavy'), /heavy weighs/);
    checks.withinBudget(weight, 'staff', 'heavy');
  });
});
