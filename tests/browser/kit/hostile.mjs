// Texts that want to be more than text, and requests that hold one in every field.

import { asks } from './world.mjs';

// Each begins with a letter and a number, so that it can be found again, and is shorter than a name may be.
export const TEXTS = [
  '<script>alert("A1")</script>',
  '"><img src=x onerror=alert("B2")>',
  "' onfocus='alert(3)' autofocus='C3",
  '</textarea><svg/onload=alert("D4")>',
  '</title><script>alert("E5")</script>',
  '{{ F6 }}{% raw %}${alert(6)}<%= 6 %>',
  'javascript:alert("G7")',
  '&lt;b&gt;H8&lt;/b&gt; &#60;i&#62; %3Cb%3E',
  '=HYPERLINK("http://I9.test","9")',
  '--><iframe src="javascript:alert(10)"></iframe>J10',
  'K11\u202egnp.exe <bdo dir=rtl>',
  '<b hx-get="/admin/sign-out" hx-trigger="load">L12</b>',
];

// The typed API refuses marks that turn the direction of a text; a form of another site is taken with them.
const withoutMarks = (text) => text.replace(/\u202e/g, '');

// A request with the n-th text in every field that takes any text.
export function submission(n) {
  const text = withoutMarks(TEXTS[n]);
  const [given, family] = [text, `${text} ${n}`];
  return asks([given, family], [[given, family, text.slice(0, 50)]], {
    adult: { title: text.slice(0, 50), email: `hostile${n}@families.test` },
    comment: `${text}\n${withoutMarks(TEXTS.join('\n'))}`,
  });
}

// The same as Contact Form 7 sends it: there the address and the kind may be anything too.
export function form(n) {
  const text = TEXTS[n];
  return {
    parent_moodle_provisioning: text,
    'request-type': text,
    parent_title: text,
    parent_fname: text,
    parent_sname: text,
    parent_email: `${text}@families.test`,
    child_fname: text,
    child_sname: text,
    child_tg: text,
    parent_comment: TEXTS.join('\n'),
    [text]: text,
  };
}

// What a page must not have because of a text: elements that are in none of our templates, and handlers in attributes.
export function intruders(page) {
  return page.evaluate(() => {
    const elements = document.querySelectorAll('script:not([src]), img, iframe, object, embed, style, bdo, base, a[href^="javascript:" i]');
    const handlers = [...document.querySelectorAll('*')].filter((element) =>
      [...element.attributes].some(({ name }) => name.startsWith('on')),
    );
    const fetching = document.querySelectorAll('b[hx-get]');
    return [...elements, ...handlers, ...fetching].map((element) => element.outerHTML.slice(0, 120));
  });
}
