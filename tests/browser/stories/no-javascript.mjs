// A parent's whole story in a browser that runs no scripts: the same steps and the same asserts.

import { after, before, describe, test } from 'node:test';

import { open } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { wholeStory } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';

describe('a parent without scripts', () => {
  let kinlink;
  before(async () => {
    kinlink = await startKinlink();
  });
  after(() => kinlink.stop());

  test('sends the form, confirms the address and sees how far the request is', async (t) => {
    const page = await open(t, kinlink, { javaScriptEnabled: false });
    await wholeStory(page, kinlink, texts('en-GB'), { scripts: false });
  });
});
