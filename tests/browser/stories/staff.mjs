// The staff's whole story, on both kinds of store: sign in, find a request, pick the pupil, approve, run the cycle; deny with a
// mail; decide on several at once; revoke; print; sign out.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open, signIn } from '../kit/browser.mjs';
import { printed } from '../kit/checks.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { TURNER, asks } from '../kit/world.mjs';

for (const store of ['sqlite', 'postgres']) {
  describe(`staff, with the store on ${store}`, () => {
    let kinlink, as, several, turner, denied;
    before(async () => {
      kinlink = await startKinlink({ store });
      several = await kinlink.pending(asks(['Catherine', 'Jones'], [['Emily', 'Jones', '8MB']], { comment: 'Emily is in 8MB.' }));
      turner = await kinlink.pending(TURNER);
      denied = await kinlink.pending(asks(['Deirdre', 'Gallagher'], [['Finn', 'Gallagher', '8RS']]));
      as = await signIn(kinlink);
    });
    after(() => kinlink.stop());

    test('sign in by a link that works once', async (t) => {
      const page = await open(t, kinlink);
      await page.goto('/admin/requests');
      await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
      // Looking at the link uses nothing up; its button does.
      for (let looks = 0; looks < 2; looks += 1) {
        await page.goto(kinlink.signInUrl);
      }
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { level: 1, name: 'Requests' }).waitFor();

      const other = await open(t, kinlink);
      await other.goto(kinlink.signInUrl);
      await other.getByRole('button', { name: 'Sign in' }).click();
      await other.getByRole('heading', { level: 1, name: 'This link does not work any more' }).waitFor();
      await other.goto('/admin/requests');
      await other.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    });

    test('find a request by views, search and sorting', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto('/admin/requests');
      const rows = page.getByRole('table').getByRole('row').filter({ has: page.getByRole('rowheader') });
      assert.equal(await rows.count(), 3);
      await page.getByLabel('Search').fill('jones');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByRole('list', { name: 'Filters that are set' }).waitFor();
      assert.equal(await rows.count(), 1);
      await page.getByRole('link', { name: /^Remove: / }).click();
      await page.getByRole('columnheader', { name: 'Parent' }).getByRole('link').click();
      assert.equal(await page.getByRole('columnheader', { name: 'Parent' }).getAttribute('aria-sort'), 'ascending');
      assert.deepEqual(await rows.getByRole('rowheader').getByRole('link').allInnerTexts(), [
        'Deirdre Gallagher',
        'Catherine Jones',
        'Mrs Rachel Turner',
      ]);
      await page.getByLabel('Search').fill('nobody is called this');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.locator('.empty').getByRole('link').click();
      assert.equal(await rows.count(), 3, 'the link of the empty list leads back to all');
    });

    test('pick the pupil, tick the checks, approve, and see the cycle link them', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto('/admin/requests');
      await page.getByRole('link', { name: 'Catherine Jones' }).click();
      await page.getByRole('heading', { level: 1, name: /Catherine Jones/ }).waitFor();
      await page.getByText('Emily is in 8MB.').first().waitFor();

      // Nothing is chosen for staff, and nothing is approved without the checks.
      const pupils = page.getByRole('group', { name: /Which pupil is Emily Jones/ }).getByRole('radio');
      assert((await pupils.count()) >= 2, 'both pupils of that name are offered');
      await page.getByRole('button', { name: /^Approve/ }).click();
      await page.locator('#error-summary').waitFor();
      assert.match(await page.title(), /^Error: /);
      assert.equal((await kinlink.admin('GET', `/requests/${several}`)).status, 'pending');

      await pupils.first().check();
      for (const box of await page.locator('#checks').getByRole('checkbox').all()) {
        await box.check();
      }
      await stayHere(page);
      await page.getByRole('button', { name: /^Approve/ }).click();
      await page.locator('#flash').waitFor();
      assert.equal((await kinlink.admin('GET', `/requests/${several}`)).status, 'approved');
      await page.reload();
      assert.equal(await page.locator('#flash').count(), 0, 'the notice is shown once');

      await page.goto('/admin/cycles');
      await page.getByRole('button', { name: /^Run/ }).first().click();
      await kinlink.status(several, 'provisioned');
      await page.goto(`/admin/requests/${several}`);
      await page.getByRole('heading', { level: 1, name: /Provisioned/ }).waitFor();
      const history = await page.getByRole('region', { name: 'History' }).innerText();
      assert.match(history, /approved/i);
    });

    test('deny with a mail that gives no reason', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto(`/admin/requests/${denied}`);
      await page.getByRole('link', { name: /^Deny/ }).click();
      await page.getByRole('button', { name: /^Deny/ }).click();
      await page.locator('#error-summary').getByRole('link').first().waitFor();
      await page.getByRole('radio').first().check();
      await page.getByLabel(/What colleagues should know/).fill('The court says no.');
      await stayHere(page);
      await page.getByRole('button', { name: /^Deny/ }).click();
      await page.locator('#flash').waitFor();
      assert.equal((await kinlink.admin('GET', `/requests/${denied}`)).status, 'denied');
      const mails = await kinlink.mails(denied);
      assert(mails.some((mail) => mail.body?.includes(denied)) && mails.length >= 2, 'the parent is written to');
      assert(!JSON.stringify(mails).includes('court'), 'the mail says nothing about why');
      await page.goto(`/admin/requests/${denied}`);
      await page.getByText('The court says no.').first().waitFor();
    });

    test('decide on several at once, after a page that names their number', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto('/admin/requests?q=Turner');
      await page.getByRole('checkbox', { name: /Tick request/ }).first().check();
      await page.getByLabel(/What to do with/).selectOption('approve');
      await page.getByRole('button', { name: 'Continue' }).click();
      assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /1/);
      assert.equal((await kinlink.admin('GET', `/requests/${turner}`)).status, 'pending', 'looking changes nothing');
      for (const box of await page.locator('#checks').getByRole('checkbox').all()) {
        await box.check();
      }
      await page.getByRole('main').getByRole('button', { name: /^Approve/ }).last().click();
      await page.locator('#flash').waitFor();
      assert.equal((await kinlink.admin('GET', `/requests/${turner}`)).status, 'approved');
      await kinlink.cycle();
      await kinlink.status(turner, 'provisioned');
    });

    test('revoke the access of somebody', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto('/admin/users');
      await page.getByRole('table').getByRole('link', { name: /Rachel Turner/ }).click();
      await page.getByRole('button', { name: /^Revoke access/ }).click();
      await page.getByRole('heading', { level: 1, name: 'Revoke access' }).waitFor();
      await page.getByRole('button', { name: /^Revoke access of 1 / }).click();
      await page.locator('#flash').waitFor();
      const rows = await kinlink.admin('GET', '/login-rows');
      assert(!rows.items.some((row) => row.email === TURNER.adult.email), 'the login row is gone at once');
    });

    test('print a request', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto(`/admin/requests/${several}`);
      await printed(page);
      await page.emulateMedia({ media: 'print' });
      assert.equal(await page.getByRole('main').getByRole('button').filter({ visible: true }).count(), 0, 'no buttons on paper');
      await page.getByText('Emily Jones').first().waitFor();
    });

    test('sign out, and are out', async (t) => {
      const page = await open(t, kinlink, { as });
      await page.goto('/admin/requests');
      await page.getByRole('button', { name: /your menu/ }).click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.goto('/admin/requests');
      assert.equal(await page.getByRole('table').count(), 0);
    });
  });
}

// Unticks "Then open the next request".
async function stayHere(page) {
  const box = page.getByRole('checkbox', { name: 'Then open the next request' });
  if (await box.count()) {
    await box.uncheck();
  }
}
