// Two members of staff have the same request open: the second who decides is told who did what meanwhile, and nothing is decided
// twice.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open, signIn } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { asks } from '../kit/world.mjs';

describe('two members of staff', () => {
  let kinlink, alex, sam;
  before(async () => {
    kinlink = await startKinlink();
    alex = await signIn(kinlink, 'alex');
    sam = await signIn(kinlink, 'sam');
  });
  after(() => kinlink.stop());

  test('decide the same request: the second sees what the first did', async (t) => {
    const reference = await kinlink.pending(asks(['Orlaith', 'Gallagher'], [['Orla', 'Gallagher', '10MB']]));
    const [first, second] = [await open(t, kinlink, { as: alex }), await open(t, kinlink, { as: sam })];
    for (const page of [first, second]) {
      await page.goto(`/admin/requests/${reference}`);
      for (const box of await page.locator('#checks').getByRole('checkbox').all()) {
        await box.check();
      }
    }
    await first.getByRole('button', { name: /^Approve/ }).click();
    await kinlink.status(reference, 'approved');
    const before = await kinlink.admin('GET', `/requests/${reference}`);

    const answer = second.waitForResponse((response) => response.request().method() === 'POST');
    await second.getByRole('button', { name: /^Approve/ }).click();
    assert.equal((await answer).status(), 409);
    const flash = second.locator('#flash');
    assert.match(await flash.innerText(), /approved/i, 'it says what was done');
    assert.match(await flash.innerText(), /alex/, 'and by whom');
    assert.equal(await second.evaluate(() => document.activeElement.id), 'flash', 'the notice has the focus');
    await second.getByRole('heading', { level: 1, name: /Approved/ }).waitFor();
    assert.equal((await kinlink.admin('GET', `/requests/${reference}`)).version, before.version, 'nothing was decided twice');
  });

  test('one denies while the other writes: the words are not lost', async (t) => {
    const reference = await kinlink.pending(asks(['Dilwen', 'Price'], [['Dylan', 'Price', '11TH']]));
    const [first, second] = [await open(t, kinlink, { as: alex }), await open(t, kinlink, { as: sam })];
    await second.goto(`/admin/requests/${reference}/deny`);
    await second.getByRole('radio').first().check();
    await second.getByLabel(/What colleagues should know/).fill('Words of the second.');
    await first.goto(`/admin/requests/${reference}`);
    await first.getByRole('textbox', { name: 'Staff note' }).fill('Words of the first.');
    await first.getByRole('button', { name: 'Save note' }).click();
    await first.locator('#flash').waitFor();

    const answer = second.waitForResponse((response) => response.request().method() === 'POST');
    await second.getByRole('button', { name: /^Deny/ }).click();
    assert.equal((await answer).status(), 409);
    assert((await second.content()).includes('Words of the second.'), 'what was typed is still on the page');
    assert.equal((await kinlink.admin('GET', `/requests/${reference}`)).status, 'pending');
  });
});
