// A phone, 390 px wide with touch: the parent's whole story and the staff's list and request.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open, signIn } from '../kit/browser.mjs';
import { noSidewaysScroll } from '../kit/checks.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { wholeStory } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';
import { seed } from '../kit/world.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

describe('on a phone', () => {
  let kinlink, world, as;
  before(async () => {
    kinlink = await startKinlink();
    world = await seed(kinlink);
    as = await signIn(kinlink);
  });
  after(() => kinlink.stop());

  test('a parent sends the form, and no page is wider than the screen', async (t) => {
    const page = await open(t, kinlink, PHONE);
    const wide = [];
    page.on('load', async () => {
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) {
        wide.push(`${page.url()} by ${over} px`);
      }
    });
    await wholeStory(page, kinlink, texts('en-GB'));
    assert.deepEqual(wide, []);
  });

  test('what is touched is at least 24 px in each direction', async (t) => {
    const page = await open(t, kinlink, { ...PHONE, as });
    for (const place of ['/request', '/admin/requests', `/admin/requests/${world.pending}`]) {
      await page.goto(place);
      const small = await page
        .locator('button, input:not([type=hidden]), select, textarea, summary, nav a, .button, .chip')
        .filter({ visible: true })
        .evaluateAll((all) =>
          all
            .map((each) => ({ each, box: (each.closest('label') ?? each).getBoundingClientRect() }))
            .filter(({ each, box }) => box.width > 1 && (box.width < 24 || box.height < 24) && !each.closest('.vh, .trap, [aria-hidden=true]'))
            .map(({ each, box }) => `${each.outerHTML.slice(0, 80)} ${box.width} x ${box.height}`),
        );
      assert.deepEqual(small, [], place);
    }
  });

  test('the list is cards, with the words of the columns in them', async (t) => {
    const page = await open(t, kinlink, { ...PHONE, as });
    await page.goto('/admin/requests');
    const row = page.getByRole('row').filter({ hasText: 'Rachel Turner' });
    await row.waitFor();
    // The table keeps its roles although it is laid out as cards.
    assert.equal(await row.getByRole('rowheader').count(), 1);
    const box = await row.boundingBox();
    assert(box.height > 120 && box.width <= 390, `a card is higher than a row: ${JSON.stringify(box)}`);
    const label = await row.getByRole('cell').filter({ hasText: 'Amelia' }).evaluate((cell) => getComputedStyle(cell, '::before').content);
    assert.match(label, /Children|attr\(data-label\)/);
  });

  test('the menu opens, closes with Escape, and gives the focus back', async (t) => {
    const page = await open(t, kinlink, { ...PHONE, as });
    await page.goto('/admin/requests');
    const menu = page.getByRole('navigation', { name: 'Main' });
    assert.equal(await menu.isVisible(), false);
    await page.getByRole('button', { name: 'Menu', exact: true }).click();
    await menu.waitFor();
    await noSidewaysScroll(page, [390]);
    await page.keyboard.press('Escape');
    await menu.waitFor({ state: 'hidden' });
    assert.match(await page.evaluate(() => document.activeElement.textContent), /Menu/);
    await page.getByRole('button', { name: 'Menu', exact: true }).click();
    await menu.getByRole('link', { name: 'Health' }).click();
    await page.getByRole('heading', { level: 1, name: /Health/ }).waitFor();
  });

  test('a request shows parent, pupils, decision and history in this order', async (t) => {
    const page = await open(t, kinlink, { ...PHONE, as });
    await page.goto(`/admin/requests/${world.pending}`);
    const tops = [];
    for (const name of ['Parent', 'Pupils', 'Decision', 'History']) {
      tops.push((await page.getByRole('heading', { name, exact: true }).boundingBox()).y);
    }
    assert.deepEqual(tops, [...tops].sort((a, b) => a - b));
  });
});
