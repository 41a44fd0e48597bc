// No page can be forgotten: every route of pages that the functions have is in the register, or is known to be no page.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { notPages, pages } from '../pages.mjs';

const root = new URL('../../../functions/', import.meta.url).pathname;

// Where pages are written, and what their routes begin with.
const FOLDERS = [
  { folder: 'admin/src/pages', prefix: '/admin' },
  { folder: 'admin/src/session', prefix: '' },
  { folder: 'intake/src', prefix: '' },
];

// The routes of a folder's files that answer to GET.
function routes({ folder, prefix }) {
  const files = readdirSync(path.join(root, folder), { recursive: true }).filter((name) => name.endsWith('.rs'));
  return files.flatMap((name) => {
    const text = readFileSync(path.join(root, folder, name), 'utf8');
    return [...text.matchAll(/\.route\(\s*"([^"]+)",((?:(?!\.route\(|;)[\s\S])*)/g)]
      .filter(([, , handlers]) => /\bget\(/.test(handlers))
      .map(([, route]) => (prefix + route).replace(/(.)\/$/, '$1'));
  });
}

describe('the register', () => {
  test('has every page', () => {
    const found = FOLDERS.flatMap(routes);
    assert(found.length > 10, `only ${found.length} routes were found: the pattern does not fit the code any more`);
    const known = new Set([...pages.map((page) => page.route), ...notPages]);
    assert.deepEqual(
      found.filter((route) => !known.has(route)),
      [],
      'these routes have no line in tests/browser/pages.mjs',
    );
  });

  test('has each name once', () => {
    const names = pages.map((page) => page.name);
    assert.deepEqual(names, [...new Set(names)]);
  });
});
