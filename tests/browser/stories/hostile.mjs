// Every field of a request holds a text that wants to be script, markup, a template or a formula; then every page is visited,
// and the mails and the CSV are read. All of it must stay text, and be shown as it was typed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { pages } from '../pages.mjs';
import { open, staffSessions } from '../kit/browser.mjs';
import { TEXTS, form, intruders, submission } from '../kit/hostile.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { child, fillAdult, fillChild } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';
import { seed } from '../kit/world.mjs';

describe('hostile texts', () => {
  let kinlink, world, sessions, as;
  const typed = [];
  const hooked = [];
  before(async () => {
    kinlink = await startKinlink({ env: { KINLINK_SCHOOL: '<b>School</b> & "Sons"', KINLINK_CONTACT: '<i onclick=alert(0)>office</i>' } });
    world = await seed(kinlink);
    for (const n of TEXTS.keys()) {
      typed.push(await kinlink.pending(submission(n)));
      hooked.push(await kinlink.hook(form(n)));
    }
    // In every state that a person can give a request without a pupil, with a text in what staff wrote.
    const noted = async (reference, note) => {
      await kinlink.admin('PUT', `/requests/${reference}/note`, { note }, { 'if-match': '*' });
      return reference;
    };
    await kinlink.decide(typed[1], 'deny', { note: TEXTS[1] });
    await kinlink.decide(typed[2], 'ask', { note: TEXTS[2] });
    await kinlink.decide(typed[3], 'bogus', { note: TEXTS[3] });
    world = {
      ...world,
      pending: await noted(typed[0], TEXTS[0]),
      denied: typed[1],
      waiting: typed[2],
      bogus: typed[3],
      nobody: await noted(hooked[0], TEXTS[4]),
      several: hooked[1],
      long: typed[4],
    };
    sessions = await staffSessions(kinlink);
    as = sessions({ whose: 'staff' });
  });
  after(() => kinlink.stop());

  for (const entry of pages) {
    test(`stay text on: ${entry.name}`, async (t) => {
      const page = await open(t, kinlink, { as: sessions(entry) });
      await entry.go(page, world, kinlink);
      assert.deepEqual(await intruders(page), []);
    });
  }

  test('are shown as they were typed, in the list and in each request', async (t) => {
    const page = await open(t, kinlink, { as });
    await page.goto('/admin/requests?view=all&per=100');
    const list = await page.getByRole('table').innerText();
    for (const [n, text] of TEXTS.entries()) {
      assert(shows(list, text), `the list does not show ${text}`);
      for (const reference of [typed[n], hooked[n]]) {
        await page.goto(`/admin/requests/${reference}`);
        assert.deepEqual(await intruders(page), []);
        await page.locator('details').evaluateAll((all) => all.forEach((each) => (each.open = true)));
        assert(shows(await page.getByRole('main').innerText(), text), `${page.url()} does not show ${text}`);
      }
    }
  });

  // Four texts at a time: of each kind of field in one request.
  for (const at of [0, 4, 8]) {
    test(`are shown as they were typed where a parent checks them, ${at + 1} to ${at + 4}`, async (t) => {
      const text = texts('en-GB');
      const words = TEXTS.slice(at, at + 4);
      const page = await open(t, kinlink);
      await page.goto('/request');
      await page.getByRole('radio', { name: text('kind-other') }).check();
      await fillAdult(page, text, { given: words[0], family: words[1], email: 'nothing' });
      await fillChild(page, text, 1, { given: words[2], family: words[3], group: words[0].slice(0, 20) });
      await page.getByLabel(text('comment-heading')).fill(words.join('\n'));
      // On the form once more, beside a fault, and on the check.
      await press(page, text('continue-button'));
      await page.locator('#error-summary').waitFor();
      // A mark that turns the direction was removed, and the form says so.
      const removed = await page.locator('#error-summary').getByText(/we removed a character/).count();
      assert.equal(removed > 0, words.some((each) => each !== clean(each)));
      assert.deepEqual(await intruders(page), []);
      assert.equal(clean(await child(page, text, 1).getByLabel(text('given-name-label')).inputValue()), clean(words[2]));
      await page.getByLabel(text('email-label')).fill('hostile@families.test');
      await press(page, text('continue-button'));
      await page.getByRole('heading', { level: 1, name: text('check-title') }).waitFor();
      assert.deepEqual(await intruders(page), []);
      const shown = await page.getByRole('main').innerText();
      assert.deepEqual(words.filter((each) => !shows(shown, each)), []);
    });
  }

  test('stay text in the mails', async (t) => {
    const page = await open(t, kinlink);
    await page.goto('/mail');
    assert.deepEqual(await intruders(page), []);
    for (const reference of typed) {
      for (const mail of await kinlink.mails(reference)) {
        assert(!/[\r\n]/.test(mail.subject), `a subject has one line: ${mail.subject}`);
      }
    }
  });

  test('are no formulas in the CSV', async (t) => {
    const page = await open(t, kinlink, { as });
    const csv = await (await page.request.get('/admin/requests/export.csv?view=all')).text();
    assert(csv.includes('HYPERLINK'), 'the CSV holds the requests');
    assert.deepEqual(cells(csv).filter((cell) => /^[=+@\t\r-]/.test(cell)), []);
  });
});

async function press(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
}

// The cells of a CSV: in quotes, with quotes doubled and line ends kept, or without.
function cells(csv) {
  return [...csv.matchAll(/"((?:[^"]|"")*)"|([^",\r\n]+)/g)].map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? bare);
}

// Marks that turn the direction of a text are not kept, and blanks are one.
function clean(text) {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, '').replace(/\s+/g, ' ').trim();
}

function shows(page, text) {
  return clean(page).includes(clean(text));
}
