// What a parent does, from the form to the status page, in any language and with or without scripts. Stories call this with
// the page as they opened it. What does not live here: what else is asked of these pages (every-page.mjs).

import assert from 'node:assert/strict';

// A reference as people read it.
const REFERENCE = /\b[A-Z0-9]{4}-[A-Z0-9]{4}\b/;

// A family of the demonstration's school: both children match exactly.
export const ADULT = { given: 'Chidi', family: 'Okafor', email: 'chidi.okafor@families.test' };
export const CHILDREN = [
  { given: 'Grace', family: 'Okafor', group: '7TH' },
  { given: 'Daniel', family: 'Okafor', group: '9TH' },
];

// The part of the form for a child.
export const child = (page, text, number) => page.getByRole('group', { name: text('child-number', { number }), exact: true });

// Fills in a child's part.
export async function fillChild(page, text, number, { given, family, group }) {
  const part = child(page, text, number);
  await part.getByLabel(text('given-name-label')).fill(given);
  await part.getByLabel(text('family-name-label')).fill(family);
  await part.getByLabel(text('tutor-group-label')).fill(group);
}

const you = (page, text) => page.getByRole('group', { name: text('you-heading'), exact: true });

// Fills in who asks.
export async function fillAdult(page, text, { given, family, email }) {
  const part = you(page, text);
  await part.getByLabel(text('given-name-label')).fill(given);
  await part.getByLabel(text('family-name-label')).fill(family);
  await part.getByLabel(text('email-label')).fill(email);
}

// The whole story: an empty form and its faults, the form filled in, a second child, the check, a change, the mail, the
// confirmation, the status page. `text` gives the page's texts; `scripts` says whether they run. Gives the reference.
export async function wholeStory(page, kinlink, text, { place = '/request', scripts = true } = {}) {
  kinlink.keepPrivate(ADULT.family, ADULT.email, ...CHILDREN.map((each) => each.family));
  await page.goto(place);
  await heading(page, text('form-title'));
  await emptyFormIsRefused(page, text, scripts);

  await page.getByRole('radio', { name: text('kind-new-account') }).check();
  await fillAdult(page, text, { ...ADULT, email: 'chidi at families' });
  await fillChild(page, text, 1, CHILDREN[0]);
  await addSecondChild(page, text, scripts);
  await press(page, text('continue-button'));
  // What was typed is still there, the wrong address too.
  await faults(page, text, [text('fault-email-invalid')], scripts);
  assert.equal(await you(page, text).getByLabel(text('email-label')).inputValue(), 'chidi at families');
  assert.equal(await child(page, text, 2).getByLabel(text('given-name-label')).inputValue(), CHILDREN[1].given);
  await you(page, text).getByLabel(text('email-label')).fill(ADULT.email);
  await press(page, text('continue-button'));

  await heading(page, text('check-title'));
  for (const words of [ADULT.given, ADULT.email, CHILDREN[0].given, CHILDREN[1].given, CHILDREN[1].group]) {
    await page.getByRole('main').getByText(words).first().waitFor();
  }
  await change(page, text);
  await send(page, text, scripts);

  await heading(page, text('sent-title'));
  const reference = (await page.getByRole('main').innerText()).match(REFERENCE)?.[0];
  assert(reference, 'the page says the reference');
  await confirm(page, kinlink, text, reference);
  return reference;
}

// Waits for the page whose heading this is. Nothing else tells that a form was answered.
async function heading(page, name) {
  await page.getByRole('heading', { level: 1, name }).waitFor();
}

async function press(page, name) {
  await page.getByRole('button', { name, exact: true }).click();
}

// The summary of faults has exactly these; each leads to a field that says the same.
async function faults(page, text, expected, scripts) {
  const summary = page.locator('#error-summary');
  await summary.waitFor();
  assert((await page.title()).startsWith(text('page-title-error', { title: '' }).trim()), `the title says so: ${await page.title()}`);
  const links = summary.getByRole('link');
  assert.deepEqual((await links.allInnerTexts()).map((each) => each.trim()), expected);
  assert.equal(await summary.getAttribute('role'), 'alert');
  if (scripts) {
    assert.equal(await page.evaluate(() => document.activeElement.id), 'error-summary', 'the summary has the focus');
  }
  for (const link of await links.all()) {
    const field = page.locator((await link.getAttribute('href')).replace(/^[^#]*/, ''));
    assert.equal(await field.count(), 1, `${await link.getAttribute('href')} leads to a field`);
    const described = await field.evaluate((element) => {
      const ids = [element, element.closest('fieldset')].flatMap((each) => each?.getAttribute('aria-describedby')?.split(' ') ?? []);
      return ids.map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    });
    assert(described.includes((await link.innerText()).trim()), `the field says "${await link.innerText()}": ${described}`);
  }
}

async function emptyFormIsRefused(page, text, scripts) {
  await press(page, text('continue-button'));
  await faults(
    page,
    text,
    [
      text('fault-kind'),
      text('fault-given-name'),
      text('fault-family-name'),
      text('fault-email-required'),
      text('fault-child-given-name', { number: 1 }),
      text('fault-child-family-name', { number: 1 }),
    ],
    scripts,
  );
}

async function addSecondChild(page, text, scripts) {
  const stays = await page.evaluateHandle(() => document);
  // Twice, so that one can be removed again.
  for (const number of [2, 3]) {
    await press(page, text('add-child'));
    await child(page, text, number).waitFor();
    const focused = await page.evaluate(() => document.activeElement.id);
    const first = await child(page, text, number).getByRole('textbox').first().getAttribute('id');
    assert.equal(focused, first, 'the new child is where one types next');
  }
  await child(page, text, 3).getByRole('button', { name: text('remove-child') }).click();
  await child(page, text, 3).waitFor({ state: 'detached' });
  if (scripts) {
    assert(await stays.evaluate((before) => before === document), 'adding and removing a child loads no page');
  }
  assert.equal(await child(page, text, 1).getByLabel(text('given-name-label')).inputValue(), CHILDREN[0].given);
  await fillChild(page, text, 2, CHILDREN[1]);
}

// Goes back to the form from the check, changes something and comes back.
async function change(page, text) {
  await page.getByRole('button', { name: `${text('change-button')} ${text('change-comment')}` }).click();
  await heading(page, text('form-title'));
  assert.equal(await child(page, text, 2).getByLabel(text('given-name-label')).inputValue(), CHILDREN[1].given);
  await page.getByLabel(text('comment-heading')).fill('Grace & <b>Daniel</b> are cousins.');
  await press(page, text('continue-button'));
  await heading(page, text('check-title'));
  await page.getByText('Grace & <b>Daniel</b> are cousins.').waitFor();
}

async function send(page, text, scripts) {
  await press(page, text('send-button'));
  await faults(page, text, [text('fault-declaration')], scripts);
  await page.getByRole('checkbox').check();
  await press(page, text('send-button'));
}

// Opens the link of the mail, presses the button, and looks at the status.
async function confirm(page, kinlink, text, reference) {
  const link = await kinlink.confirmLink(reference);
  await page.goto(link);
  await heading(page, text('confirm-title'));
  assert.equal((await kinlink.admin('GET', `/requests/${reference}`)).status, 'unconfirmed', 'looking changes nothing');
  await press(page, text('confirm-button'));
  await heading(page, text('confirmed-title'));
  await page.getByText(reference).waitFor();
  assert.equal((await kinlink.admin('GET', `/requests/${reference}`)).status, 'pending');
  await page.getByRole('link', { name: text('confirmed-status') }).click();
  await heading(page, text('status-title'));
  await page.getByText(reference).waitFor();
  await page.getByText(text('status-pending')).waitFor();
}
