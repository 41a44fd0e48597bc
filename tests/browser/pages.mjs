// The register of pages: every page and state that people can get to. axe, budgets, HTML, hostile texts and pictures go through
// it, so that a new page is one line here; stories/register.mjs fails for a route that has no line.
//
// `name` is also the picture's file name; `whose` is public or staff; `route` is the page's route as the functions write it;
// `go` opens it: `world` has the references of requests by their state (kit/world.mjs). `signedOut`: without a session;
// `role`: signed in with another role than administrator; `embedded`: as part of another site's page.

import { ADULT, CHILDREN, fillAdult, fillChild } from './kit/parent.mjs';
import { texts } from './kit/texts.mjs';

const text = texts('en-GB');

// ---- How to get there ------------------------------------------------------------------------------------------------

const at = (place) => (page) => page.goto(place);
const request = (which, rest = '') => (page, world) => page.goto(`/admin/requests/${world[which]}${rest}`);
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor();

async function filledForm(page) {
  await page.goto('/request');
  await page.getByRole('radio', { name: text('kind-new-account') }).check();
  await fillAdult(page, text, ADULT);
  await fillChild(page, text, 1, CHILDREN[0]);
}

async function check(page) {
  await filledForm(page);
  await press(page, text('continue-button'));
  await heading(page, text('check-title'));
}

async function sent(page) {
  await check(page);
  await page.getByRole('checkbox').check();
  await press(page, text('send-button'));
  await heading(page, text('sent-title'));
}

async function confirmed(page, world, kinlink) {
  const reference = await kinlink.submit({
    kind: 'new_account',
    adult: { given_name: 'Imogen', family_name: 'Stone', email: `imogen.${Date.now()}@families.test` },
    children: [{ given_name: 'Imogen', family_name: 'Stone', tutor_group: '8TH' }],
    declaration: true,
  });
  await page.goto(await kinlink.confirmLink(reference));
  await press(page, text('confirm-button'));
  await heading(page, text('confirmed-title'));
}

async function status(page, world, kinlink) {
  await confirmed(page, world, kinlink);
  await page.getByRole('link', { name: text('confirmed-status') }).click();
  await heading(page, text('status-title'));
}

async function withdraw(page, world) {
  await page.goto(`/admin/requests/${world.provisioned}`);
  await page.getByRole('link', { name: /^Withdraw/ }).first().click();
  await heading(page, /Withdraw/);
}

async function user(page) {
  await page.goto('/admin/users');
  await page.getByRole('table').getByRole('link', { name: /Williams/ }).click();
  await heading(page, /Williams/);
}

async function changeEmail(page) {
  await user(page);
  await page.getByRole('link', { name: /^Change email/ }).click();
  await heading(page, 'Change email');
}

async function changeEmailWrong(page) {
  await changeEmail(page);
  // The address that the person has already.
  await page.getByLabel('New email address').fill('gwilym.williams@families.test');
  await press(page, 'Send the link');
  await page.locator('#error-summary').waitFor();
}

async function emailWaits(page) {
  await changeEmail(page);
  await page.getByLabel('New email address').fill(`gwilym.${Date.now()}@families.test`);
  await press(page, 'Send the link');
  await page.getByRole('button', { name: 'Take it back' }).waitFor();
}

async function changed(page, world, kinlink) {
  const adult = (await kinlink.admin('GET', '/login-rows?q=patel')).items[0].adult;
  const email = `meera.${Date.now()}@families.test`;
  await kinlink.admin('POST', `/adults/${adult}/email-change`, { email });
  await page.goto(await kinlink.newAddressLink(email));
  await press(page, text('confirm-button'));
  await heading(page, text('changed-title'));
}

async function privacyOfUser(page) {
  await user(page);
  await page.getByRole('link', { name: /^Copy or erase/ }).click();
  await heading(page, 'Copy or erase personal data');
}

async function privacyOfPupil(page) {
  await page.goto('/admin/privacy?pupil=marlow');
  await page.getByRole('main').getByRole('link', { name: /Marlow/ }).first().click();
  await heading(page, 'Copy a pupil’s personal data');
}

async function revoke(page) {
  await user(page);
  await page.getByRole('button', { name: /^Revoke access/ }).click();
  await heading(page, 'Revoke access');
}

/** Places a hold on somebody who never asks. */
async function placed(kinlink) {
  const email = `held.${Date.now()}@families.test`;
  return kinlink.admin('POST', '/holds', { email, reason: 'court_order', reference: 'C-17/2026' });
}

async function holds(page, world, kinlink) {
  await placed(kinlink);
  await page.goto('/admin/holds');
}

async function hold(page, world, kinlink) {
  await page.goto(`/admin/holds/${(await placed(kinlink)).id}`);
  await heading(page, /^Hold:/);
}

async function holdToRelease(page, world, kinlink) {
  await hold(page, world, kinlink);
  await press(page, 'Ask to release this hold');
  await page.getByRole('button', { name: 'Keep the hold' }).waitFor();
}

async function holdOnUser(page) {
  await user(page);
  await page.getByRole('link', { name: /^Place a hold/ }).click();
  await heading(page, 'Place a hold');
}

async function wrongHold(page) {
  await page.goto('/admin/holds/new');
  await press(page, 'Place the hold');
  await page.locator('#error-summary').waitFor();
}

/** Has a plan made of roles that the settings ask for now, and one of when they did not; gives both. */
async function madePlans(kinlink) {
  const before = await kinlink.admin('POST', '/plans');
  // A role in Moodle's front page for every parent.
  await kinlink.admin('PUT', '/settings/static_contexts', { value: '1' });
  const wanted = await kinlink.admin('POST', '/plans');
  await kinlink.admin('PUT', '/settings/static_contexts', { value: '' });
  return { before, wanted };
}

async function plans(page, world, kinlink) {
  await madePlans(kinlink);
  await page.goto('/admin/plans');
}

async function plan(page, world, kinlink) {
  await page.goto(`/admin/plans/${(await madePlans(kinlink)).wanted.id}`);
  await heading(page, 'Plan');
}

async function plansCompared(page, world, kinlink) {
  const { before, wanted } = await madePlans(kinlink);
  await page.goto(`/admin/plans/${wanted.id}/comparison?with=${before.id}`);
  await page.getByRole('table').waitFor();
}

async function planToApply(page, world, kinlink) {
  await plan(page, world, kinlink);
  await page.getByRole('link', { name: 'Apply this plan' }).click();
  await heading(page, 'Apply a plan');
}

/** Somebody without a link has a role that is marked as ours: a comparison finds it. */
async function compared(page, world, kinlink) {
  await kinlink.meddle(
    'moodle-demonstration.db',
    `INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder)
     SELECT roleid, contextid, 2, 1, 2, component, 900, 0 FROM mdl_role_assignments WHERE component = 'local_kinlink' LIMIT 1`,
  );
  await kinlink.cycle('reconcile');
  await page.goto('/admin/reconciliation');
  await page.getByRole('table').waitFor();
}

/** A role that somebody takes away again and again: nobody here does, so it is only noted. */
async function leftAlone(page, world, kinlink) {
  await kinlink.meddle(
    'store.db',
    `INSERT OR IGNORE INTO contests (id, component, user_id, context_id, role_id, item_id, adult_id, link_id, began_at)
     SELECT '0192f0c1-8a5e-7c3e-9d1a-3f1b2c4d5e6f', 'local_kinlink', 2, 1, 9, 900, adult_id, id, 0 FROM links LIMIT 1`,
  );
  await page.goto('/admin/reconciliation?view=left_alone');
  await page.getByRole('button', { name: /^Let Kinlink put it back/ }).waitFor();
}

async function planChanged(page, world, kinlink) {
  // The settings do not ask for its rows any more.
  await planToApply(page, world, kinlink);
  await press(page, 'Apply this plan');
  await heading(page, 'The plan has changed');
}

async function explained(page, world) {
  await page.goto(`/admin/requests/${world.provisioned}`);
  await page.getByRole('link', { name: /^Not showing/ }).first().click();
  await heading(page, /^Why can’t they see/);
}

async function newToken(page) {
  await page.goto('/admin/tokens');
  await page.locator('#token-name').fill('Reports');
  await press(page, 'Make token');
  await page.locator('#secret').waitFor();
}

async function wrongSetting(page) {
  await page.goto('/admin/settings');
  const group = page.locator('main form').filter({ has: page.locator('input[type=text]') }).first();
  await group.locator('input[type=text]').first().fill('nothing like this');
  await group.getByRole('button', { name: /^Save/ }).click();
  await page.locator('#error-summary').waitFor();
}

async function approveWithoutChecks(page, world) {
  await page.goto(`/admin/requests/${world.pending}`);
  await page.getByRole('button', { name: /^Approve/ }).click();
  await page.locator('#error-summary').waitFor();
}

async function bulk(page) {
  await page.goto('/admin/requests');
  for (const box of await page.getByRole('checkbox', { name: /^Tick request/ }).all()) {
    await box.check();
  }
  await page.getByLabel(/What to do with/).selectOption({ index: 1 });
  await press(page, 'Continue');
  await page.getByRole('heading', { name: 'What will happen' }).waitFor();
}

async function stale(page, world, kinlink) {
  await page.goto(`/admin/requests/${world.several}`);
  const note = (words) => kinlink.admin('PUT', `/requests/${world.several}/note`, { note: words }, { 'if-match': '*' });
  await note(`Meanwhile ${Date.now()}`);
  await page.getByRole('button', { name: /^Approve/ }).click();
  await page.locator('#flash').waitFor();
}

// ---- The pages -------------------------------------------------------------------------------------------------------

const PUBLIC = [
  { name: 'form', route: '/request', go: at('/request') },
  { name: 'form embedded', route: '/request', embedded: true, go: at('/request?embed=1') },
  { name: 'form in Arabic', route: '/request', go: at('/request?lang=ar') },
  {
    name: 'form with faults',
    route: '/request',
    go: async (page) => {
      await page.goto('/request');
      await press(page, text('continue-button'));
      await page.locator('#error-summary').waitFor();
    },
  },
  {
    name: 'form with children',
    route: '/request',
    go: async (page) => {
      await filledForm(page);
      for (const number of [2, 3]) {
        await press(page, text('add-child'));
        await page.getByRole('group', { name: text('child-number', { number }), exact: true }).waitFor();
      }
    },
  },
  { name: 'check', route: '/request/check', go: check },
  { name: 'sent', route: '/request/sent/{token}', go: sent },
  {
    name: 'confirm',
    route: '/confirm/{token}',
    go: async (page, world, kinlink) => page.goto(await kinlink.confirmLink(world.unconfirmed)),
  },
  { name: 'confirmed', route: '/confirm/{token}', go: confirmed },
  {
    name: 'confirm with an old link',
    route: '/confirm/{token}',
    go: async (page) => {
      await page.goto('/confirm/x');
      await press(page, text('confirm-button'));
      await page.waitForLoadState();
    },
  },
  { name: 'confirm a new address', route: '/confirm/email/{token}', go: at('/confirm/email/x') },
  { name: 'confirmed a new address', route: '/confirm/email/{token}', go: changed },
  { name: 'status', route: '/status/{token}', go: status },
];

const STAFF = [
  { name: 'sign in', route: '/admin/sign-in', signedOut: true, go: at('/admin/sign-in') },
  { name: 'sign in again', route: '/admin/sign-in/again', go: at('/admin/sign-in/again') },
  { name: 'sign in by link', route: '/admin/sign-in/link/{token}', signedOut: true, go: at('/admin/sign-in/link/x') },
  {
    name: 'sign in by an old link',
    route: '/admin/sign-in/link/{token}',
    signedOut: true,
    go: async (page) => {
      await page.goto('/admin/sign-in/link/x');
      await press(page, 'Sign in');
      await page.waitForLoadState();
    },
  },
  { name: 'signed out', route: '/admin/signed-out', signedOut: true, go: at('/admin/signed-out') },

  { name: 'requests', route: '/admin/requests', go: at('/admin/requests') },
  { name: 'requests all', route: '/admin/requests', go: at('/admin/requests?view=all') },
  { name: 'requests filtered', route: '/admin/requests', go: at('/admin/requests?view=all&q=jones&kind=new_account&sort=name') },
  { name: 'requests empty', route: '/admin/requests', go: at('/admin/requests?q=nobody+at+all') },
  { name: 'requests for a viewer', route: '/admin/requests', role: 'viewer', go: at('/admin/requests') },
  ...['pending', 'several', 'nobody', 'arabic', 'long', 'email', 'waiting', 'approved', 'provisioned', 'denied', 'bogus'].map((state) => ({
    name: `request ${state}`,
    route: '/admin/requests/{request}',
    go: request(state),
  })),
  { name: 'request for a viewer', route: '/admin/requests/{request}', role: 'viewer', go: request('pending') },
  { name: 'request without checks', route: '/admin/requests/{request}/decide', go: approveWithoutChecks },
  { name: 'request changed meanwhile', route: '/admin/requests/{request}/decide', go: stale },
  { name: 'request edit', route: '/admin/requests/{request}/edit', go: request('pending', '/edit') },
  ...['deny', 'ask', 'duplicate', 'bogus'].map((outcome) => ({
    name: `request to ${outcome}`,
    route: '/admin/requests/{request}/{outcome}',
    go: request('pending', `/${outcome}`),
  })),
  { name: 'request to withdraw', route: '/admin/requests/{request}/withdraw/{claim}', go: withdraw },
  { name: 'requests bulk', route: '/admin/requests/bulk', go: bulk },

  { name: 'users', route: '/admin/users', go: at('/admin/users') },
  { name: 'users empty', route: '/admin/users', go: at('/admin/users?q=nobody+at+all') },
  { name: 'user', route: '/admin/users/{adult}', go: user },
  { name: 'user email', route: '/admin/users/{adult}/email', go: changeEmail },
  { name: 'user email with faults', route: '/admin/users/{adult}/email', go: changeEmailWrong },
  { name: 'user email waits', route: '/admin/users/{adult}', go: emailWaits },
  { name: 'user to revoke', route: '/admin/users/revoke', go: revoke },
  { name: 'leavers', route: '/admin/leavers', go: at('/admin/leavers') },
  { name: 'matching', route: '/admin/matching', go: at('/admin/matching') },
  { name: 'explain', route: '/admin/explain', go: at('/admin/explain') },
  { name: 'explain with choices', route: '/admin/explain', go: at('/admin/explain?parent=e&child=jones') },
  { name: 'explain nobody', route: '/admin/explain', go: at('/admin/explain?parent=nobody+at+all&child=nobody+at+all') },
  { name: 'explained', route: '/admin/explain', go: explained },
  { name: 'explained for a viewer', route: '/admin/explain', role: 'viewer', go: explained },
  { name: 'holds', route: '/admin/holds', go: holds },
  { name: 'holds empty', route: '/admin/holds', go: at('/admin/holds?view=coming') },
  { name: 'hold to place', route: '/admin/holds/new', go: at('/admin/holds/new') },
  { name: 'hold to place on somebody', route: '/admin/holds/new', go: holdOnUser },
  { name: 'hold with faults', route: '/admin/holds', go: wrongHold },
  { name: 'hold', route: '/admin/holds/{hold}', go: hold },
  { name: 'hold to release', route: '/admin/holds/{hold}', go: holdToRelease },
  { name: 'cycles', route: '/admin/cycles', go: at('/admin/cycles') },
  { name: 'cycle', route: '/admin/cycles/{cycle}', go: (page, world) => page.goto(`/admin/cycles/${world.cycle}`) },
  { name: 'plans', route: '/admin/plans', go: plans },
  { name: 'plans for a viewer', route: '/admin/plans', role: 'viewer', go: at('/admin/plans') },
  { name: 'plan', route: '/admin/plans/{plan}', go: plan },
  { name: 'plans compared', route: '/admin/plans/{plan}/comparison', go: plansCompared },
  { name: 'plan to apply', route: '/admin/plans/{plan}/application', go: planToApply },
  { name: 'plan changed', route: '/admin/plans/{plan}/application', go: planChanged },
  { name: 'comparison empty', route: '/admin/reconciliation', go: at('/admin/reconciliation?view=missing') },
  { name: 'comparison', route: '/admin/reconciliation', go: compared },
  { name: 'left alone nothing', route: '/admin/reconciliation', go: at('/admin/reconciliation?view=left_alone') },
  { name: 'left alone', route: '/admin/reconciliation', go: leftAlone },
  { name: 'health', route: '/admin/health', go: at('/admin/health') },
  { name: 'settings', route: '/admin/settings', go: at('/admin/settings') },
  { name: 'tokens', route: '/admin/tokens', go: at('/admin/tokens') },
  { name: 'settings with faults', route: '/admin/settings', go: wrongSetting },
  { name: 'tokens with a secret', route: '/admin/tokens', go: newToken },
  { name: 'audit', route: '/admin/audit', go: at('/admin/audit') },
  { name: 'privacy', route: '/admin/privacy', go: at('/admin/privacy') },
  { name: 'privacy-found', route: '/admin/privacy', go: at('/admin/privacy?pupil=turner') },
  { name: 'privacy-adult', route: '/admin/privacy/adults/{adult}', go: privacyOfUser },
  { name: 'privacy-pupil', route: '/admin/privacy/pupils/{pupil}', go: privacyOfPupil },
  { name: 'audit-verification', route: '/admin/audit/verification', go: at('/admin/audit/verification') },
  { name: 'help', route: '/admin/help', go: at('/admin/help') },
  { name: 'not found', route: '/admin/{nothing}', go: at('/admin/nothing') },
  { name: 'forbidden', route: '/admin/settings', role: 'viewer', go: at('/admin/settings') },
];

// ---- What stories get ------------------------------------------------------------------------------------------------

const all = (whose, list) => list.map((page) => ({ whose, ...page }));
export const publicPages = all('public', PUBLIC);
export const staffPages = all('staff', STAFF);
export const pages = [...publicPages, ...staffPages];

// Routes that are answered by something else than a page: a redirect, a file, a part of a page.
export const notPages = [
  '/',
  '/admin',
  '/admin/requests/counts',
  '/admin/requests/export.csv',
  '/admin/audit/export.csv',
  '/admin/audit/export.jsonl',
  '/admin/cycles/{cycle}/progress',
];
