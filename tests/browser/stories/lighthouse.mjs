// Lighthouse gives the form, the list and a request at least 95 points for speed, accessibility and good practice.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signIn } from '../kit/browser.mjs';
import { startKinlink } from '../kit/kinlink.mjs';
import { lighthouse } from '../kit/lighthouse.mjs';
import { seed } from '../kit/world.mjs';

const LEAST = 95;

describe('lighthouse', () => {
  let kinlink, world, as;
  before(async () => {
    kinlink = await startKinlink();
    world = await seed(kinlink);
    as = await signIn(kinlink);
  });
  after(() => kinlink.stop());

  const scores = (name, place, staff) =>
    test(name, async () => {
      const measure = () => lighthouse(kinlink.address + place(), staff ? as : undefined);
      const good = ({ scores }) => Object.values(scores).every((score) => score >= LEAST);
      // Speed is measured, and the other story may have both cores: what is good is good in one of three runs. Under such a
      // load Lighthouse itself sometimes misses the beginning of its recording and asks to be run again.
      let result, failed;
      for (let round = 0; round < 3 && !(result && good(result)); round += 1) {
        try {
          result = await measure();
        } catch (error) {
          if (!String(error).includes('Please run Lighthouse again')) throw error;
          failed = error;
        }
      }
      if (!result) throw failed;
      assert(good(result), `${name}: ${JSON.stringify(result)}`);
    });

  scores('the form', () => '/request', false);
  scores('the list of requests', () => '/admin/requests', true);
  scores('a request', () => `/admin/requests/${world.pending}`, true);
});
