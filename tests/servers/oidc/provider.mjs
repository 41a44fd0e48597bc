// A real OpenID Connect provider for tests: `node provider.mjs PORT`. It asks nobody for a password.
//
// Who signs in: the parameter `login_hint` of the request, or else whoever POST /test/person chose last, or else "jo". What it
// says of somebody is what POST /test/accounts {"sub", …claims} gave it; nothing but `sub` otherwise.
// POST /test/rotate gives it new keys. The client is "kinlink" with the secret "kinlink-secret", wherever it lives.

import { generateKeyPair } from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

import { Provider } from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const accounts = new Map();
let person = 'jo';
// The newest first: it signs. The others are still published, so that what they signed still counts.
const keys = [];
// What the library has to remember: it outlives a change of keys.
const kept = new Map();

async function addKey() {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  keys.unshift({ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: `key-${keys.length + 1}` });
}

class Memory {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload) {
    kept.set(this.key(id), payload);
  }

  async find(id) {
    return kept.get(this.key(id));
  }

  async findByUid(uid) {
    return [...kept.entries()].find(([key, payload]) => key.startsWith(`${this.model}:`) && payload.uid === uid)?.[1];
  }

  async consume(id) {
    kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    kept.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, payload] of kept) {
      if (payload.grantId === grantId) {
        kept.delete(key);
      }
    }
  }
}

async function newProvider() {
  await addKey();
  const provider = new Provider(issuer, {
    adapter: Memory,
    jwks: { keys: [...keys] },
    cookies: { keys: ['keeps nothing worth protecting'] },
    clients: [
      {
        client_id: 'kinlink',
        client_secret: 'kinlink-secret',
        redirect_uris: ['https://kinlink.test/admin/sign-in/callback'],
        post_logout_redirect_uris: ['https://kinlink.test/admin/signed-out'],
      },
    ],
    claims: { openid: ['sub'], profile: ['name', 'roles', 'realm_access'], email: ['email'] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/test/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts.get(sub) }) }),
    // Nobody is asked whether we may know what we ask for.
    async loadExistingGrant(ctx) {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
  // `kinlink serve` of a test has a port of its own.
  provider.Client.prototype.redirectUriAllowed = (uri) => uri.endsWith('/admin/sign-in/callback');
  provider.Client.prototype.postLogoutRedirectUriAllowed = (uri) => uri.endsWith('/admin/signed-out');
  return provider;
}

let provider = await newProvider();

async function body(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString() || '{}');
}

async function handle(request, response) {
  const path = new URL(request.url, issuer).pathname;
  if (path.startsWith('/test/interaction/')) {
    const { params } = await provider.interactionDetails(request, response);
    await provider.interactionFinished(request, response, { login: { accountId: params.login_hint ?? person } });
    return;
  }
  if (request.method === 'POST' && path.startsWith('/test/')) {
    const said = await body(request);
    if (path === '/test/accounts') {
      accounts.set(said.sub, said);
    } else if (path === '/test/person') {
      person = said.sub;
    } else if (path === '/test/rotate') {
      provider = await newProvider();
    } else {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(204).end();
    return;
  }
  provider.callback()(request, response);
}

createServer((request, response) => {
  handle(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(port, '127.0.0.1');

// How tests/run ends its servers; nothing is to be finished.
process.on('SIGQUIT', () => process.exit());
