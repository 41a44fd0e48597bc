// What is asked of every page: no barriers (axe), no sideways scroll, visible focus, little weight, sound HTML, print.
// Each check takes a page that is open and throws with what is wrong where.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { HtmlValidate, axeSource } from './packages.mjs';

// Widths from the smallest phone (and 1280 px at 400 % zoom) to a large screen.
const WIDTHS = [320, 360, 390, 414, 480, 600, 768, 960, 1024, 1280, 1440, 1920];
// From here on a table has room for all its columns.
const ROOMY = 1280;

// WCAG 2.2 A and AA, and what axe's authors think good besides.
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// No violation, in light and in dark.
export async function axe(page, name = page.url()) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await settled(page);
    // An evaluated script is not bound by the page's policy.
    await page.evaluate(`window.axe || (() => { ${axeSource} })()`);
    const violations = await page.evaluate(async (tags) => {
      const { violations } = await window.axe.run(document, {
        runOnly: { type: 'tag', values: tags },
        resultTypes: ['violations'],
      });
      const where = (node) => `${node.target.join(' ')} ${node.any[0]?.message ?? node.all[0]?.message ?? ''}`.trim();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(where).join(' | ')}`);
    }, TAGS);
    found.push(...violations.map((violation) => `${colorScheme}: ${violation}`));
  }
  await page.emulateMedia({ colorScheme: 'light' });
  assert.deepEqual(found, [], `axe finds barriers on ${name}`);
}

// Colours that fade from light to dark have arrived: half-way there is nothing that anybody reads.
export async function settled(page) {
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
}

// Nothing is wider than the window, whatever its width; in a roomy one no table hides columns in a box of its own that scrolls.
export async function noSidewaysScroll(page, widths = WIDTHS) {
  const before = page.viewportSize();
  const wide = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: before.height });
    const found = await page.evaluate((roomy) => {
      const root = document.documentElement;
      const boxes = [...document.querySelectorAll('.table-wrap')].filter((box) => box.scrollWidth > box.clientWidth + 1);
      if (roomy && boxes.length > 0) {
        return boxes.map((box) => `${box.scrollWidth} px in a table's box of ${box.clientWidth} px`).join(', ');
      }
      if (root.scrollWidth <= root.clientWidth) {
        return undefined;
      }
      const beyond = [...document.body.querySelectorAll('*')].filter((element) => {
        const { left, right, width: own } = element.getBoundingClientRect();
        return own > 0 && (right > root.clientWidth + 1 || left < -1);
      });
      const names = beyond.slice(0, 5).map((element) => `${element.tagName.toLowerCase()}.${element.className}`);
      return `${root.scrollWidth} px: ${names.join(', ')}`;
    }, width >= ROOMY);
    if (found) {
      wide.push(`${width} px wide window scrolls to ${found}`);
    }
  }
  await page.setViewportSize(before);
  assert.deepEqual(wide, [], `sideways scroll at ${page.url()}`);
}

// WCAG 1.4.12: text may be set wider without anything being cut off.
export async function wideText(page) {
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(
      `* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
       p { margin-block-end: 2em !important; }`,
    );
    document.adoptedStyleSheets = [sheet];
  });
  try {
    await noSidewaysScroll(page, [320, 1024]);
  } finally {
    await page.evaluate(() => {
      document.adoptedStyleSheets = [];
    });
  }
}

// Walks through the page with the Tab key. Every stop must be seen: in the window, not covered, with a ring around it.
// Gives what was stopped at, in order, as `tag#id "name"`. `most` ends a walk early.
export async function keyboardWalk(page, most = 300) {
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
  });
  const stops = [];
  const faults = [];
  for (let count = 0; count < most; count += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(async () => {
      const focused = document.activeElement;
      if (!focused || focused === document.body || focused === document.documentElement) {
        return undefined;
      }
      // A second visit: the walk has come round.
      if (focused.dataset.walked) {
        return undefined;
      }
      focused.dataset.walked = 'yes';
      // Scrolling to the stop takes a frame.
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const text = (focused.labels?.[0] ?? focused).textContent.trim().replace(/\s+/g, ' ').slice(0, 60);
      const name = `${focused.tagName.toLowerCase()}${focused.id ? `#${focused.id}` : ''} "${text}"`;
      const faults = [];
      // A box of a choice is shown by its card; the ring may be the card's.
      const shown = [focused, ...(focused.labels ?? [])];
      const boxes = shown.map((element) => element.getBoundingClientRect()).filter((box) => box.width > 1 && box.height > 1);
      if (boxes.length === 0) {
        return { name, faults: ['has no size'] };
      }
      const seen = boxes.some((box) => {
        const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
        const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
        if (right - left < 1 || bottom - top < 1) {
          return false;
        }
        const points = [
          [(left + right) / 2, (top + bottom) / 2],
          [left + 2, top + 2],
          [right - 2, top + 2],
          [left + 2, bottom - 2],
        ];
        return points.some(([x, y]) => {
          const hit = document.elementFromPoint(x, y);
          return hit && shown.some((element) => element.contains(hit) || hit.contains(element));
        });
      });
      if (!seen) {
        faults.push('is out of the window or covered');
      }
      const ringed = shown.some((element) => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
      });
      if (!ringed) {
        faults.push('has no ring of 2 px');
      }
      return { name, faults };
    });
    if (!stop) {
      break;
    }
    stops.push(stop.name);
    faults.push(...stop.faults.map((fault) => `${stop.name} ${fault}`));
  }
  await page.evaluate(() => document.querySelectorAll('[data-walked]').forEach((each) => delete each.dataset.walked));
  assert(stops.length > 0, `nothing on ${page.url()} can be reached by the keyboard`);
  assert.deepEqual(faults, [], `the keyboard walk through ${page.url()}`);
  return stops;
}

// At 400 % zoom a window of 1280 x 1024 px shows 320 x 256 px: everything can still be reached, and is not covered.
export async function zoomed(page) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 256 });
  try {
    // What comes later is rows like those before.
    await keyboardWalk(page, 60);
  } finally {
    await page.setViewportSize(before);
  }
}

// With forced colours (Windows high contrast) backgrounds and shadows are gone: what can be pressed or filled in keeps an edge,
// and the ring around what has the focus stays.
export async function forcedColours(page) {
  await page.emulateMedia({ forcedColors: 'active' });
  try {
    const edgeless = await page
      .locator('.button, .input, .select, .textarea, .tag, .notice, .card')
      .filter({ visible: true })
      .evaluateAll((elements) =>
        elements
          .filter((element) => {
            const style = getComputedStyle(element);
            return style.borderStyle === 'none' || parseFloat(style.borderTopWidth) + parseFloat(style.borderInlineStartWidth) === 0;
          })
          .map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
      );
    assert.deepEqual([...new Set(edgeless)], [], `without an edge in forced colours at ${page.url()}`);
    // The ring is the same everywhere: a part of the walk is enough here.
    await keyboardWalk(page, 15);
  } finally {
    await page.emulateMedia({ forcedColors: 'none' });
  }
}

// Bytes that came over the wire for the last document that `go` opened, with an empty cache: headers and bodies of everything.
export async function weight(page, go) {
  const session = await page.context().newCDPSession(page);
  const sizes = new Map();
  const names = new Map();
  session.on('Network.responseReceived', ({ requestId, response }) => names.set(requestId, response.url));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  session.on('Network.requestWillBeSent', ({ type, redirectResponse }) => {
    if (type === 'Document' && !redirectResponse) {
      sizes.clear();
    }
  });
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await go();
  await page.waitForLoadState('load');
  // The sprite of icons is asked for when they are drawn.
  await page.waitForLoadState('networkidle');
  await session.detach();
  const parts = [...sizes].map(([id, bytes]) => ({ url: names.get(id), bytes }));
  return { bytes: parts.reduce((sum, part) => sum + part.bytes, 0), parts };
}

// The most that a page may weigh, cold and in total, by whom it is for.
const BUDGETS = { public: 20 * 1024, staff: 45 * 1024 };

// A page keeps to its budget.
export function withinBudget({ bytes, parts }, whose, name) {
  const list = parts.map((part) => `${part.bytes} ${new URL(part.url).pathname}`).join(', ');
  assert(bytes <= BUDGETS[whose], `${name} weighs ${bytes} bytes, more than ${BUDGETS[whose]}: ${list}`);
}

const validator = new HtmlValidate({
  root: true,
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: {
    // Allowed by ARIA wherever a role can have a name.
    'aria-label-misuse': ['error', { allowAnyNamable: true }],
    // Boxes of one list are sent under one name.
    'form-dup-name': 'off',
    // The menu before the main part may have headings.
    'heading-level': ['error', { minInitialRank: 'h2' }],
    // Says the same twice, which does no harm.
    'no-redundant-for': 'off',
    // A matter of taste that templates decide.
    'doctype-style': 'off',
    'void-style': 'off',
    'no-trailing-whitespace': 'off',
    'long-title': 'off',
    'attribute-boolean-style': 'off',
    // Phone numbers and references are set by the school.
    'tel-non-breaking': 'off',
    // Nothing inline, as the policy says.
    'no-inline-style': 'error',
    'no-style-tag': 'error',
    'script-element': 'error',
    // Tables that become cards need their roles spelled out, or `display: grid` takes them away.
    'no-redundant-role': 'off',
    // A list without marks loses its role in Safari unless it is spelled out.
    'prefer-native-element': 'off',
    'require-sri': 'off',
    'svg-focusable': 'off',
  },
});

// The HTML is sound, as it was sent and not as the browser mended it.
export async function soundHtml(source, name) {
  const { results } = await validator.validateString(source);
  const faults = results
    .flatMap((result) => result.messages)
    .map((message) => `${message.line}:${message.column} ${message.ruleId}: ${message.message} (${message.selector ?? ''})`);
  assert.deepEqual(faults, [], `html-validate on ${name}`);
}

// What is printed has pages, and none of the things that only work on a screen.
export async function printed(page) {
  await page.emulateMedia({ media: 'print' });
  const visible = await page
    .locator('nav, .topbar, .no-print, .skip, [popover]')
    .filter({ visible: true })
    .evaluateAll((elements) => elements.map((element) => element.outerHTML.slice(0, 80)));
  const pdf = await page.pdf({ preferCSSPageSize: true });
  await page.emulateMedia({ media: 'screen' });
  assert.deepEqual(visible, [], `these are printed at ${page.url()}`);
  const count = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  assert(count > 0, `nothing is printed at ${page.url()}`);
  return { pdf, count };
}

// Keeps a picture as build output.
export async function screenshot(page, name) {
  const file = path.join(process.env.KINLINK_TEST_SCREENSHOTS, `${name}.png`);
  await writeFile(file, await page.screenshot({ fullPage: true, animations: 'disabled' }));
}

// The rules for what is around every page: language, one h1 whose words begin the title, a skip link to the main part. A page
// that is `embedded` in another site has nothing to skip.
export async function frame(page, { embedded = false } = {}) {
  const found = await page.evaluate(() => ({
    lang: document.documentElement.lang,
    dir: document.documentElement.dir,
    headings: [...document.querySelectorAll('h1')].map((heading) => heading.textContent.trim().replace(/\s+/g, ' ')),
    skip: document.querySelector('a[href="#main"]') !== null,
    main: document.querySelectorAll('main#main').length,
    title: document.title,
  }));
  assert.match(found.lang, /^(en|cy|pl|ar)/, `the language of ${page.url()}`);
  assert.match(found.dir, /^(ltr|rtl)$/, `the direction of ${page.url()}`);
  assert.equal(found.headings.length, 1, `one h1 at ${page.url()}: ${found.headings.join(', ')}`);
  assert(found.skip !== embedded && found.main === 1, `a skip link to #main at ${page.url()}`);
  // The title goes on with the school; a heading may go on with the state of what it names.
  const title = found.title.split(' – ')[0];
  assert(
    [title, title.replace(/^[^:]{1,20}: /, '')].some((words) => words && found.headings[0].startsWith(words)),
    `the title "${found.title}" begins with the words of the h1 "${found.headings[0]}"`,
  );
}
