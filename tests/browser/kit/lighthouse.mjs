// Lighthouse's scores of a page, as its command line gives them for a phone.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { lighthouseCommand } from './packages.mjs';

const run = promisify(execFile);
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

// Scores from 0 to 100 by category, and the audits that cost points. `as` is who is signed in, from `signIn`.
export async function lighthouse(url, as) {
  const folder = await mkdtemp(path.join(tmpdir(), 'kinlink-lighthouse-'));
  const report = path.join(folder, 'report.json');
  const cookies = (as?.cookies ?? []).map(({ name, value }) => `${name}=${value}`).join('; ');
  try {
    await run(
      lighthouseCommand,
      [
        url,
        '--quiet',
        '--output=json',
        `--output-path=${report}`,
        `--only-categories=${CATEGORIES.join(',')}`,
        '--chrome-flags=--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-sync',
        ...(cookies ? [`--extra-headers=${JSON.stringify({ Cookie: cookies })}`] : []),
      ],
      // It keeps state in the home folder otherwise, and asks whether it may send reports.
      { env: { ...process.env, CHROME_PATH: process.env.KINLINK_TEST_CHROMIUM, HOME: folder, CI: '1' }, cwd: folder },
    );
    const { categories, audits, finalDisplayedUrl } = JSON.parse(await readFile(report, 'utf8'));
    assert.equal(finalDisplayedUrl, url, 'this page was looked at, and not the one for signing in');
    const scores = Object.fromEntries(CATEGORIES.map((name) => [name, Math.round(categories[name].score * 100)]));
    const lost = CATEGORIES.flatMap((name) => categories[name].auditRefs)
      .filter(({ id, weight }) => weight > 0 && audits[id].score !== null && audits[id].score < 0.9)
      .map(({ id }) => `${id} ${audits[id].score} ${audits[id].displayValue ?? ''}`);
    return { scores, lost };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
