// Without a mouse: the form and a decision, with the keys only. Where the focus goes and what is announced is asserted.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open, signIn } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { texts } from '../kit/texts.mjs';
import { TURNER } from '../kit/world.mjs';

const text = texts('en-GB');

// Presses Tab until the focus is on what has this name, or a name that begins so.
async function tabTo(page, name) {
  for (let count = 1; count < 80; count += 1) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (now.startsWith(name) || now.includes(` ${name}`)) {
      return;
    }
  }
  throw new Error(`the Tab key does not come to "${name}"`);
}

// What a screen reader would call the element with the focus.
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const byId = (element.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent);
    const words = [element.getAttribute('aria-label'), ...byId, ...[...(element.labels ?? [])].map((label) => label.textContent)];
    const name = words.filter(Boolean).join(' ') || element.textContent;
    return `${element.closest('fieldset')?.querySelector('legend')?.textContent ?? ''} ${name}`.replace(/\s+/g, ' ').trim();
  });
}

const focusedId = (page) => page.evaluate(() => document.activeElement.id);

describe('with the keyboard only', () => {
  let kinlink, as;
  before(async () => {
    kinlink = await startKinlink();
    as = await signIn(kinlink);
  });
  after(() => kinlink.stop());

  test('a parent sends the form', async (t) => {
    const page = await open(t, kinlink);
    await page.goto('/request');
    // The first stop skips what is the same on every page.
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), text('skip-link'));
    await page.keyboard.press('Enter');
    assert.equal(await focusedId(page), 'main');

    // Enter in a field means "Continue": never "Add" or "Remove".
    await tabTo(page, text('given-name-label'));
    await page.keyboard.type('Meera');
    await page.keyboard.press('Enter');
    await page.locator('#error-summary').waitFor();
    assert.equal(await focusedId(page), 'error-summary', 'the faults are where one is');
    assert.equal(await page.locator('#error-summary').getAttribute('role'), 'alert', 'and are announced');

    // A fault's link leads into its field; the field says what is wrong.
    await page.keyboard.press('Tab');
    assert((await focused(page)).includes(text('fault-kind')));
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.type), 'radio');
    await page.keyboard.press('Space');
    await tabTo(page, text('family-name-label'));
    const described = await page.evaluate(() => ({
      invalid: document.activeElement.getAttribute('aria-invalid'),
      words: document.activeElement
        .getAttribute('aria-describedby')
        .split(' ')
        .map((id) => document.getElementById(id).textContent)
        .join(' '),
    }));
    assert.equal(described.invalid, 'true');
    assert(described.words.includes(text('fault-family-name')), described.words);

    await page.keyboard.type('Patel');
    await tabTo(page, text('email-label'));
    await page.keyboard.type('meera.patel@families.test');
    await tabTo(page, text('given-name-label'));
    await page.keyboard.type('Harry');
    await tabTo(page, text('family-name-label'));
    await page.keyboard.type('Patel');
    await tabTo(page, text('add-child'));
    await page.keyboard.press('Enter');
    await page.getByRole('group', { name: text('child-number', { number: 2 }) }).waitFor();
    // The new child's first field has the focus, and its group says which child it is.
    assert.equal(await focused(page), `${text('child-number', { number: 2 })} ${text('given-name-label')}`);
    await tabTo(page, text('remove-child'));
    await page.keyboard.press('Enter');
    await page.getByRole('group', { name: text('child-number', { number: 2 }) }).waitFor({ state: 'detached' });
    assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', 'the focus is not lost');

    await tabTo(page, text('continue-button'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: text('check-title') }).waitFor();
    await tabTo(page, text('declaration-label'));
    await page.keyboard.press('Space');
    await tabTo(page, text('send-button'));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: text('sent-title') }).waitFor();
  });

  test('staff approve a request', async (t) => {
    const reference = await kinlink.pending(TURNER);
    const page = await open(t, kinlink, { as });
    await page.goto('/admin/requests');
    // The box to tick comes first, then the link.
    await tabTo(page, `Tick request ${reference}`);
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Mrs Rachel Turner');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /Rachel Turner/ }).waitFor();

    // Without the checks: the summary has the focus, its link leads to the first check.
    await tabTo(page, 'Approve');
    await page.keyboard.press('Enter');
    await page.locator('#error-summary').waitFor();
    assert.equal(await focusedId(page), 'error-summary');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    for (let count = 0; count < 3; count += 1) {
      assert.equal(await page.evaluate(() => document.activeElement.type), 'checkbox');
      await page.keyboard.press('Space');
      await page.keyboard.press('Tab');
    }
    if (!(await focused(page)).startsWith('Approve')) {
      await tabTo(page, 'Approve');
    }
    await page.keyboard.press('Enter');
    await page.locator('#flash').waitFor();
    assert.equal(await focusedId(page), 'flash', 'what was done is where one is');
    assert.equal(await page.locator('#flash').getAttribute('role'), 'status', 'and is announced');
    await kinlink.status(reference, 'approved');
  });

  test('the menu of the person opens, holds the focus and closes', async (t) => {
    const page = await open(t, kinlink, { as });
    await page.goto('/admin/requests');
    await tabTo(page, 'your menu');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Sign out');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Sign out' }).waitFor({ state: 'hidden' });
    assert.match(await focused(page), /your menu/);
  });
});
