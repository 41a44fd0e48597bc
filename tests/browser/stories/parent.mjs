// A parent's whole story in a browser with scripts, on both kinds of store.

import { after, before, describe, test } from 'node:test';

import { open } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { wholeStory } from '../kit/parent.mjs';
import { texts } from '../kit/texts.mjs';

for (const store of ['sqlite', 'postgres']) {
  describe(`a parent, with the store on ${store}`, () => {
    let kinlink;
    before(async () => {
      kinlink = await startKinlink({ store });
    });
    after(() => kinlink.stop());

    test('sends the form, confirms the address and sees how far the request is', async (t) => {
      await wholeStory(await open(t, kinlink), kinlink, texts('en-GB'));
    });
  });
}
