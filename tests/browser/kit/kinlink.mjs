// Kinlink itself, started as a person would start it, on a free port with an empty store; and the ways into it that do not go
// through a browser: the form's API, the staff API, the command line. What does not live here: the browser (browser.mjs)
// and the invented people (world.mjs).

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const binary = process.env.KINLINK_TEST_BINARY;

// Time for a debug build on a busy machine to start and to end; only what hangs takes so long.
const PATIENCE = 30_000;

// Starts `kinlink serve`; whoever starts it has to `stop` it. `store` is 'sqlite' or 'postgres'; `env` are more settings.
export async function startKinlink({ store = 'sqlite', env = {} } = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), 'kinlink-browser-'));
  const settings = {
    PATH: process.env.PATH,
    KINLINK_CONFIG: '/dev/null',
    KINLINK_DATA_DIR: folder,
    KINLINK_LISTEN: '127.0.0.1:0',
    KINLINK_LOG_FORMAT: 'json',
    // Who sits at the machine: signs in by its link, and stands in the history.
    LOGNAME: 'alex',
    // Cycles run when a story asks for one, and not in between.
    KINLINK_CYCLE_SECONDS: '86400',
    ...(store === 'postgres' ? { KINLINK_STORE_URL: await freshDatabase() } : {}),
    ...env,
  };
  const kinlink = new Kinlink(folder, settings);
  if (store === 'postgres') {
    await kinlink.command('migrate');
  }
  await kinlink.start();
  // Everything here comes from one address, which may not send many forms.
  await kinlink.command('config', 'set', 'form_per_address_per_hour', '100000');
  return kinlink;
}

async function freshDatabase() {
  const server = process.env.KINLINK_TEST_POSTGRES_URL;
  assert(server, 'KINLINK_TEST_POSTGRES_URL is not set: start the browser tests by tests/run --only-browser');
  const name = `browser_${randomBytes(6).toString('hex')}`;
  await run('psql', ['--no-psqlrc', '--quiet', '--command', `CREATE DATABASE ${name}`, `${server}/postgres`]);
  return `${server}/${name}`;
}

class Kinlink {
  // What must never stand in the log: names and addresses of the people whom the tests invented.
  #private = new Set();
  #log = [];

  constructor(folder, settings) {
    this.folder = folder;
    this.settings = settings;
  }

  async start() {
    // The kernel ends it when this process is killed, so that no test leaves a server behind.
    this.process = spawn('setpriv', ['--pdeathsig', 'TERM', binary, 'serve', '--json'], {
      env: this.settings,
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = once(this.process, 'exit');
    createInterface({ input: this.process.stderr }).on('line', (line) => this.#log.push(line));
    const lines = createInterface({ input: this.process.stdout });
    const first = await Promise.race([
      once(lines, 'line').then(([line]) => line),
      this.ended.then(([code]) => `it ended with code ${code}`),
      late('it said nothing'),
    ]);
    assert(first.startsWith('{'), `kinlink serve did not start: ${first}\n${this.#log.join('\n')}`);
    const said = JSON.parse(first);
    this.address = said.address;
    this.adminToken = said.admin_token;
    this.sourceKey = said.source_key;
    this.signInUrl = said.sign_in_url;
  }

  // Ends it and fails if it said something in its log that it should not have.
  async stop() {
    this.process.kill('SIGTERM');
    const how = await Promise.race([this.ended.then(([code, signal]) => code ?? signal), late('hung')]);
    if (how === 'hung') {
      this.process.kill('SIGKILL');
    }
    await rm(this.folder, { recursive: true, force: true });
    assert.equal(how, 0, `kinlink serve did not end well (${how}); its last lines:\n${this.#log.slice(-20).join('\n')}`);
    assert.deepEqual(this.#badLines(), [], 'the log has errors or personal data');
  }

  #badLines() {
    const bad = (line) =>
      /"level":"ERROR"|panicked|RUST_BACKTRACE/.test(line) || [...this.#private].some((text) => line.includes(text));
    return this.#log.filter(bad);
  }

  // Texts that must not be in the log.
  keepPrivate(...texts) {
    for (const text of texts.filter((each) => each && each.length > 3)) {
      this.#private.add(text);
    }
  }

  // ---- The form's API ----

  // Sends a request by the form's API and gives its reference; the address is not confirmed yet.
  async submit(submission) {
    const { adult, children } = submission;
    this.keepPrivate(adult?.email, adult?.family_name, ...(children ?? []).map((child) => child.family_name));
    const answer = await this.#post('/api/v1/requests', submission, { 'x-api-key': this.sourceKey });
    assert.equal(answer.status, 202, `a submission was answered with ${answer.status}: ${answer.text}`);
    return answer.json.reference;
  }

  // Sends a form as Contact Form 7 does.
  async hook(fields) {
    const answer = await this.#post('/hooks/contact-form-7', fields, { 'x-api-key': this.sourceKey });
    assert.equal(answer.status, 202, `a form was answered with ${answer.status}: ${answer.text}`);
    return answer.json.reference;
  }

  // Presses the button of the mail about a request.
  async confirm(reference) {
    const answer = await fetch(await this.confirmLink(reference), { method: 'POST' });
    assert.equal(answer.status, 200, `the address of ${reference} was not confirmed (${answer.status})`);
  }

  // Sends a request and confirms its address: it waits for staff then.
  async pending(submission) {
    const reference = await this.submit(submission);
    await this.confirm(reference);
    return reference;
  }

  // ---- The staff API ----

  // Calls the staff API under /api/v1/admin and gives the JSON of its answer.
  async admin(method, place, body, headers = {}) {
    const answer = await fetch(`${this.address}/api/v1/admin${place}`, {
      method,
      headers: {
        authorization: `Bearer ${this.adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${place} was answered with ${answer.status}: ${text}`);
    return text ? JSON.parse(text) : null;
  }

  // Decides whatever the state is; `what` is approve, deny, ask, duplicate, bogus or reopen.
  decide(reference, what, body = {}) {
    return this.admin('POST', `/requests/${reference}/${what}`, body, { 'if-match': '*' });
  }

  // Approves as far as the first candidates go.
  approve(reference, body = {}) {
    const checks = { details_match: true, no_similar_pupil: true, no_critical_note: true };
    return this.decide(reference, 'approve', { checks, ...body });
  }

  // Asks for a cycle and waits until it is done.
  async cycle(action = 'cycle') {
    const { id } = await this.admin('POST', '/cycles', { action });
    return until(`cycle ${id} is done`, async () => {
      const cycle = await this.admin('GET', `/cycles/${id}`);
      return cycle.finished_at ? cycle : undefined;
    });
  }

  // Waits until a request has a status.
  status(reference, wanted) {
    return until(`request ${reference} is ${wanted}`, async () => {
      const request = await this.admin('GET', `/requests/${reference}`);
      return request.status === wanted ? request : undefined;
    });
  }

  // ---- The command line ----

  // Runs a command of the same program on the same store and gives its JSON.
  command(...words) {
    return this.#commandAs(this.settings.LOGNAME, words);
  }

  async #commandAs(person, words) {
    const env = { ...this.settings, LOGNAME: person };
    const { stdout } = await run(binary, ['--json', ...words], { env, cwd: this.folder });
    return JSON.parse(stdout);
  }

  // Changes a database of the demonstration behind Kinlink's back: 'store.db' or 'moodle-demonstration.db'.
  meddle(file, sql) {
    const script = 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=10); c.executescript(sys.argv[2]); c.close()';
    return run('python3', ['-c', script, path.join(this.folder, file), sql]);
  }

  // A new link with which `person` can sign in once.
  async signInLink(person = this.settings.LOGNAME, role = 'administrator') {
    const { sign_in_url: link } = await this.#commandAs(person, ['sign-in', '--role', role]);
    return this.#here(link);
  }

  // The mails about a request, as they would be sent now.
  async mails(reference) {
    return (await this.command('mail', 'show', reference)).items;
  }

  // The link to confirm the address that a mail about a request holds.
  async confirmLink(reference) {
    const mails = await this.mails(reference);
    const link = mails.map((mail) => mail.body?.match(/https?:\/\/\S+\/confirm\/\S+/)?.[0]).find(Boolean);
    assert(link, `no mail about ${reference} has a link to confirm: ${JSON.stringify(mails)}`);
    return this.#here(link);
  }

  // The link to confirm a new address that the mail to it holds.
  async newAddressLink(address) {
    const { items } = await this.command('mail', 'list');
    const mail = items.find((each) => each.recipient === address);
    const link = mail?.body?.match(/https?:\/\/\S+\/confirm\/email\/\S+/)?.[0];
    assert(link, 'no mail to the new address has a link to confirm it');
    return this.#here(link);
  }

  // A link of the command line's, which does not know the port that the system chose for the server.
  #here(link) {
    return new URL(new URL(link).pathname, this.address).href;
  }

  async #post(place, body, headers) {
    const answer = await fetch(`${this.address}${place}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: answer.ok ? JSON.parse(text) : null };
  }
}

// Asks again and again until there is an answer.
export async function until(what, ask, patience = PATIENCE) {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) {
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain until ${what}`);
}

function pause(milliseconds, value) {
  return new Promise((resolve) => {
    // A pause alone must not keep the process alive.
    setTimeout(() => resolve(value), milliseconds).unref();
  });
}

const late = (value) => pause(PATIENCE, value);
