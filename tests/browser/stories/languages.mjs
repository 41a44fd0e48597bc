// The public pages in the other languages: the whole story in Arabic, from right to left, and the way each language is chosen.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open } from '../kit/browser.mjs';
import { axe, frame, keyboardWalk, noSidewaysScroll, screenshot } from '../kit/checks.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { ADULT, fillAdult, wholeStory } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';

describe('languages', () => {
  let kinlink;
  before(async () => {
    kinlink = await startKinlink();
  });
  after(() => kinlink.stop());

  test('the whole story in Arabic, from right to left', async (t) => {
    const page = await open(t, kinlink, { locale: 'ar' });
    const directions = new Set();
    page.on('load', async () => directions.add(await page.evaluate(() => `${document.documentElement.lang} ${document.dir}`)));
    const reference = await wholeStory(page, kinlink, texts('ar'));
    assert.deepEqual([...directions], ['ar rtl'], 'every page is Arabic and begins on the right');
    const { locale } = await kinlink.admin('GET', `/requests/${reference}`);
    assert.equal(locale, 'ar', 'mails are written in the language of the form');
  });

  test('the Arabic form has no barriers, no sideways scroll, and its arrows point the other way', async (t) => {
    const page = await open(t, kinlink);
    await page.goto('/request?lang=ar');
    await frame(page);
    await axe(page);
    await noSidewaysScroll(page);
    await keyboardWalk(page);
    await screenshot(page, 'form in Arabic');
    const mirrored = await page.locator('.flip').evaluateAll((all) => all.map((each) => getComputedStyle(each).transform));
    assert(mirrored.every((transform) => transform.startsWith('matrix(-1')), `arrows: ${mirrored}`);
    // The start of a line is on the right.
    const heading = await page.getByRole('heading', { level: 1 }).boundingBox();
    assert(heading.x + heading.width > 640, 'the heading stands on the right');
  });

  for (const [language, accepted] of [
    ['en-GB', 'en-GB'],
    ['cy', 'cy'],
    ['pl', 'pl'],
    ['ar', 'ar'],
    ['en-GB', 'de'],
  ]) {
    test(`a browser that asks for ${accepted} gets ${language}`, async (t) => {
      const page = await open(t, kinlink, { locale: accepted });
      await page.goto('/request');
      await page.getByRole('heading', { level: 1, name: texts(language)('form-title') }).waitFor();
    });
  }

  test('a link changes the language and it stays for the next page', async (t) => {
    const page = await open(t, kinlink);
    await page.goto('/request');
    await page.getByRole('link', { name: 'Polski' }).click();
    const polish = texts('pl');
    await page.getByRole('heading', { level: 1, name: polish('form-title') }).waitFor();
    await page.getByRole('button', { name: polish('continue-button'), exact: true }).click();
    await page.locator('#error-summary').getByRole('link', { name: polish('fault-kind') }).waitFor();
    // Now that something was sent, a button changes the language, and what was typed stays.
    await fillAdult(page, polish, ADULT);
    await page.getByRole('button', { name: 'Cymraeg' }).click();
    const welsh = texts('cy');
    await page.getByRole('heading', { level: 1, name: welsh('form-title') }).waitFor();
    assert.equal(await page.getByLabel(welsh('email-label')).inputValue(), ADULT.email);
  });
});
