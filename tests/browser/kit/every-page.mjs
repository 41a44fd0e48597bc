// What every page of the register (../pages.mjs) is put through. Stories call this, each for some of the pages.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { open, staffSessions } from './browser.mjs';
import * as checks from './checks.mjs';
import { startKinlink } from './kinlink.mjs';
import { seed } from './world.mjs';

// Runs the checks on pages of the register. All of them are public, or all are for staff.
export function everyPage(title, entries) {
  const whose = entries[0].whose;
  describe(title, () => {
    let kinlink, world, sessions;
    before(async () => {
      kinlink = await startKinlink();
      world = await seed(kinlink);
      sessions = await staffSessions(kinlink, whose === 'staff');
    });
    after(() => kinlink.stop());

    for (const entry of entries) {
      test(entry.name, async (t) => {
        const page = await open(t, kinlink, { as: sessions(entry) });
        const weight = await checks.weight(page, () => entry.go(page, world, kinlink));
        const source = await page.sent();
        // All faults of a page at once: whoever mends one wants to know the others.
        const faults = [];
        for (const check of [
          () => checks.withinBudget(weight, whose, entry.name),
          () => checks.soundHtml(source, entry.name),
          () => checks.frame(page, entry),
          () => checks.axe(page, entry.name),
          () => checks.noSidewaysScroll(page),
          checks.wideText,
          checks.keyboardWalk,
          checks.zoomed,
          checks.forcedColours,
          checks.printed,
          (each) => pictures(each, entry.name),
        ]) {
          try {
            await check(page);
          } catch (error) {
            const list = Array.isArray(error.actual) ? `: ${error.actual.join('\n    ')}` : '';
            faults.push(`${error.message.split('\n')[0]}${list}`);
          }
        }
        assert(faults.length === 0, `${entry.name} (${page.url()})\n  ${faults.join('\n  ')}`);
      });
    }
  });
}

// Light and dark on a large screen, and a phone.
async function pictures(page, name) {
  await checks.screenshot(page, `${name} light`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await checks.settled(page);
  await checks.screenshot(page, `${name} dark`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await checks.screenshot(page, `${name} phone`);
}
