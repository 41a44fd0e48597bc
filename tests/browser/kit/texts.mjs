// The texts of the public pages, read from the form's own Fluent files: stories find things by the words that people read, in
// each of the languages. Plain texts with placeables only; what has variants is not for stories.

import { readFileSync } from 'node:fs';

const folder = new URL('../../../functions/intake/i18n/', import.meta.url);

// `texts('ar')('child-number', { number: 1 })` is the text in Arabic.
export function texts(language) {
  const known = new Map();
  for (const line of readFileSync(new URL(`${language}/form.ftl`, folder), 'utf8').split('\n')) {
    const found = line.match(/^([a-z][a-z0-9-]*) = (.+)$/);
    if (found) {
      known.set(found[1], found[2]);
    }
  }
  return (id, values = {}) => {
    const text = known.get(id);
    if (text === undefined || text.includes('->')) {
      throw new Error(`${language} has no plain text ${id}`);
    }
    return text.replace(/\{ \$([a-z]+) \}/g, (_, name) => String(values[name]));
  };
}
