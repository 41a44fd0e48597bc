// The npm packages, which live outside the work tree: tests/browser/run installs them and says where.

import { createRequire } from 'node:module';
import path from 'node:path';

const folder = process.env.KINLINK_TEST_PACKAGES;
if (!folder) {
  throw new Error('KINLINK_TEST_PACKAGES is not set: start the browser tests by tests/run --only-browser');
}

const load = createRequire(path.join(folder, 'package.json'));

export const { chromium } = load('playwright-core');
export const { HtmlValidate } = load('html-validate');
export const axeSource = load('axe-core').source;
export const lighthouseCommand = path.join(folder, 'node_modules/.bin/lighthouse');
