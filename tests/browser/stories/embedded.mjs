// The form inside a page of the school's site: shown where the settings allow it, and nowhere else.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { ADULT, CHILDREN, fillAdult, fillChild } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';

const SITE = 'https://www.school.example';
const text = texts('en-GB');

describe('the form in a frame', () => {
  let kinlink;
  before(async () => {
    kinlink = await startKinlink();
    await kinlink.command('config', 'set', 'embed_origins', SITE);
  });
  after(() => kinlink.stop());

  // A page of another site with the form in a frame.
  async function framed(t, site) {
    const page = await open(t, kinlink, {
      also: site,
      // The site has https, as it must; the server of the test has not.
      expected: /^Mixed Content: /,
      permissions: ['local-network-access'],
    });
    await page.route(`${site}/**`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<!doctype html><title>School</title><iframe title="Form" width="800" height="1200" src="${kinlink.address}/request?embed=1"></iframe>`,
      }),
    );
    await page.goto(`${site}/accounts`);
    return page.frameLocator('iframe');
  }

  test('is filled in and sent without leaving the site', async (t) => {
    const frame = await framed(t, SITE);
    await frame.getByRole('radio', { name: text('kind-new-account') }).check();
    await fillAdult(frame, text, ADULT);
    await fillChild(frame, text, 1, CHILDREN[0]);
    await frame.getByRole('button', { name: text('continue-button'), exact: true }).click();
    await frame.getByRole('heading', { level: 1, name: text('check-title') }).waitFor();
    assert.equal(await frame.getByRole('banner').count(), 0, 'the frame has no header of its own');
    await frame.getByRole('checkbox').check();
    await frame.getByRole('button', { name: text('send-button'), exact: true }).click();
    await frame.getByRole('heading', { level: 1, name: text('sent-title') }).waitFor();
  });

  test('is not shown by a site that the school did not name', async (t) => {
    const frame = await framed({ after: () => {} }, 'https://elsewhere.example');
    await assert.rejects(frame.getByRole('heading', { level: 1 }).waitFor({ timeout: 3_000 }));
  });
});
