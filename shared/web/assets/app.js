// Comfort for Kinlink's pages. Every page works without it. It writes no HTML, so that trusted types can forbid that.
// Hooks; texts come from the page, so that they are in its language:
//   #error-summary, #flash      get the focus when the page opens; links of the summary lead into their field
//   #say                        live region: what changes is said there
//   form[data-once]             is sent once, however often somebody presses the button
//   textarea[data-count="1000"] says how much is left in the element that aria-describedby names and that has .count and the
//                               texts: data-left="{n} characters left", data-over="{n} characters too many"
//   input[data-select-all]      ticks the boxes of its table; shift-click ticks a range; #bulk-count says data-text="{n} selected"
//   button[data-print], button[data-copy="text"] (says its data-done)
//   #children[data-children][data-max]   children of the public form:
//     <fieldset class="child" data-child>, <legend data-legend="Child {n}">, inputs named children[0][given_name] with the id
//     child-1-given-name (and the same in for, aria-describedby), button[data-remove-child value=1]; behind them
//     button[data-add-child], with data-say="Child {n} added" and data-removed="Child {n} removed".

const one = (selector, inside = document) => inside.querySelector(selector);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const fill = (text, n) => (text ?? '').replace('{n}', new Intl.NumberFormat(document.documentElement.lang || undefined).format(n));
const say = (text) => { const place = one('#say'); if (place && text) place.textContent = text; };

// What just happened
(one('#error-summary') ?? one('#flash'))?.focus();
one('#error-summary')?.addEventListener('click', (event) => {
  const field = document.getElementById(event.target.closest('a')?.hash.slice(1) ?? '');
  if (!field) return;
  event.preventDefault();
  const target = field.matches('input, select, textarea, button') ? field : one('input, select, textarea', field) ?? field;
  target.focus({ preventScroll: true });
  (target.closest('.field, fieldset') ?? target).scrollIntoView();
});

// Once
addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('[data-once]')) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = 'yes';
});
addEventListener('pageshow', () => all('[data-sent]').forEach((form) => delete form.dataset.sent));

// Characters left: seen at once, said after a pause
for (const text of all('[data-count]')) {
  const ids = (text.getAttribute('aria-describedby') ?? '').split(' ');
  const place = ids.map((id) => document.getElementById(id)).find((element) => element?.matches('.count'));
  const most = text.dataset.count || text.maxLength;
  if (!place?.dataset.left) continue;
  let pause;
  const show = () => {
    const left = most - [...text.value].length;
    place.textContent = left < 0 ? fill(place.dataset.over, -left) : fill(place.dataset.left, left);
    place.classList.toggle('bad', left < 0);
    return left;
  };
  text.addEventListener('input', () => {
    const left = show();
    clearTimeout(pause);
    if (left < most / 10) pause = setTimeout(() => say(place.textContent), 1000);
  });
  show();
}

// Rows
for (const every of all('[data-select-all]')) {
  const boxes = all('tbody .cell-check input', every.closest('table'));
  const place = one('#bulk-count');
  let last;
  const count = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    every.checked = ticked > 0 && ticked === boxes.length;
    every.indeterminate = ticked > 0 && ticked < boxes.length;
    if (place) place.textContent = ticked ? fill(place.dataset.text ?? '{n}', ticked) : '';
  };
  every.addEventListener('change', () => { boxes.forEach((box) => { box.checked = every.checked; }); count(); });
  boxes.forEach((box, at) => box.addEventListener('click', (event) => {
    if (event.shiftKey && last !== undefined) {
      boxes.slice(Math.min(last, at), Math.max(last, at) + 1).forEach((other) => { other.checked = box.checked; });
    }
    last = at;
    count();
  }));
  count();
}

// Children of the public form
const group = one('[data-children]');
const children = () => all('[data-child]', group);
const add = one('[data-add-child]');
const renumber = () => {
  const now = children();
  now.forEach((child, at) => {
    const legend = one('[data-legend]', child);
    legend.textContent = fill(legend.dataset.legend, at + 1);
    for (const element of all('*', child)) {
      for (const { name, value } of element.attributes) {
        if (/^(id|name|for|aria-.*)$/.test(name)) {
          element.setAttribute(name, value.replace(/^children\[\d+/, `children[${at}`).replace(/\bchild-\d+-/g, `child-${at + 1}-`));
        }
      }
      if (element.matches('[data-remove-child]')) {
        element.value = at + 1;
        element.hidden = now.length < 2;
      }
    }
  });
  add.hidden = now.length >= group.dataset.max;
};
const act = (event) => {
  const button = event.target.closest('[data-add-child], [data-remove-child]');
  if (!button) return;
  event.preventDefault();
  const before = children();
  let at = before.indexOf(button.closest('[data-child]'));
  if (button === add) {
    at = before.length;
    const child = before[at - 1].cloneNode(true);
    all('.fault', child).forEach((fault) => fault.remove());
    all('.field-bad', child).forEach((field) => field.classList.remove('field-bad'));
    for (const field of all('input', child)) {
      field.removeAttribute('aria-invalid');
      // Children of one family mostly share their name: nobody should type it twice.
      if (!field.name.includes('family_name')) field.value = '';
    }
    before[at - 1].after(child);
  } else {
    before[at].remove();
  }
  renumber();
  one('input', children()[at] ?? children().at(-1)).focus();
  say(fill(button === add ? add.dataset.say : add.dataset.removed, at + 1));
};
if (group && add) {
  group.closest('form').addEventListener('click', act);
  renumber();
}

// Buttons
addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-print], [data-copy]');
  if (!button) return;
  if (button.matches('[data-print]')) return print();
  await navigator.clipboard?.writeText(button.dataset.copy);
  say(button.dataset.done);
});
