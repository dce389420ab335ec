// What the judges share: where the server is, a browser, and a list of what
// each published client can do, of which nothing may be forgotten.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

function environment(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the tests are started by "go test" in this folder, which starts the server`);
  return value;
}

export const publicURL = environment('PUBLIC_URL');
export const adminURL = environment('ADMIN_URL');
export const appURL = 'http://app.test'; // of the login, consent and device pages; nobody listens there
export const callback = 'http://127.0.0.1:5555/callback';
export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';
export const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// named makes a name that nobody else has, for several judges share a server.
export const named = (prefix) => `${prefix}-${randomUUID()}`;

// Browser keeps cookies and follows redirects one at a time.
export class Browser {
  #cookies = new Map();

  get cookie() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  // keep takes the Set-Cookie headers of an answer.
  keep(headers = []) {
    for (const header of headers) {
      const [pair, ...attributes] = header.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const gone = attributes.some((a) => /^max-age=(0|-)/i.test(a) || /^expires=.* 1970/i.test(a));
      if (gone) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  // open returns where the answer sends the browser.
  async open(url) {
    const res = await fetch(url, { redirect: 'manual', headers: { cookie: this.cookie } });
    this.keep(res.headers.getSetCookie());
    const body = await res.text();
    assert.ok([302, 303].includes(res.status), `GET ${url}: ${res.status} ${body}`);
    return new URL(res.headers.get('location'), url);
  }

  // challenge opens the URL and returns the parameter that the page gets.
  async challenge(url, name) {
    return parameter(await this.open(url), name);
  }

  // end opens the URL and returns the parameters that the client gets.
  async end(url) {
    const to = await this.open(url);
    assert.equal(to.origin + to.pathname, callback, `the browser is sent to ${to}`);
    return Object.fromEntries(to.searchParams);
  }
}

export function parameter(url, name) {
  const value = url.searchParams.get(name);
  assert.ok(value, `no ${name} in ${url}`);
  return value;
}

// authorization are the parameters of an authorization request.
export const authorization = (client, more = {}) => ({
  client_id: client, response_type: 'code', redirect_uri: callback, scope: 'openid offline read', state: 'state-of-the-judge', ...more,
});

export const authorizationURL = (client, more) => `${publicURL}/oauth2/auth?${new URLSearchParams(authorization(client, more))}`;

// post sends a form as the client, where the published client cannot.
export async function post(path, client, form) {
  const res = await fetch(publicURL + path, {
    method: 'POST', body: new URLSearchParams(form),
    headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
  });
  return { status: res.status, body: await res.json() };
}

// unrouted tells that the server does not serve a path at all: it answers as
// it answers for one that nobody has ever thought of.
export async function unrouted(method, url) {
  const answer = async (to) => {
    const res = await fetch(to, { method, redirect: 'manual' });
    return `${res.status} ${(await res.text()).replace(/"request_id":"[^"]*"/, '')}`;
  };
  const strange = await answer(new URL('/oauth2/no-such-path', url));
  assert.match(strange, /^404 /);
  return (await answer(url)) === strange;
}

// absent lists the operations of those given that the server does not serve,
// for Coverage: what comes with other work is driven as soon as it is there.
export async function absent(why, operations) {
  const out = {};
  for (const [operation, [method, url]] of Object.entries(operations)) {
    if (await unrouted(method, url)) out[operation] = { why, missing: () => unrouted(method, url) };
  }
  return out;
}

// Coverage is the list of what a published client can do. An operation counts
// as driven once the client has taken an answer for what the test expects.
export class Coverage {
  #driven = new Set();

  // operations: name of each operation, as "Api.method".
  // leftOut: operation → { why, missing }; missing tells that the server still
  // lacks it, and the test fails on the day when that is no longer so.
  constructor(operations, leftOut) {
    this.operations = operations;
    this.leftOut = leftOut;
  }

  drive(operation) {
    assert.ok(this.operations.includes(operation), `${operation} is no operation of this client`);
    this.#driven.add(operation);
  }

  async check() {
    const forgotten = this.operations.filter((o) => !this.#driven.has(o) && !this.leftOut[o]);
    assert.deepEqual(forgotten, [], 'operations that are neither driven nor listed with a reason');
    for (const [operation, { why, missing }] of Object.entries(this.leftOut)) {
      assert.ok(this.operations.includes(operation), `${operation} is left out, but no operation of this client`);
      assert.ok(!this.#driven.has(operation), `${operation} is driven: take it off the list`);
      assert.ok(await missing(), `${operation} is there now (${why}): drive it`);
    }
  }
}

// methodsOf lists the operations of a generated class.
export const methodsOf = (apis) => Object.entries(apis).flatMap(([name, api]) =>
  Object.getOwnPropertyNames(api.prototype).filter((m) => m !== 'constructor').map((m) => `${name}.${m}`));

// watched is the object with each call noted that ends well.
export const watched = (coverage, name, object) => new Proxy(object, {
  get(target, method) {
    const value = target[method];
    if (typeof value !== 'function') return value;
    return async (...args) => {
      const answer = await value.apply(target, args);
      coverage.drive(`${name}.${method}`);
      return answer;
    };
  },
});

// refused checks how an axios call fails.
export async function refused(promise, status, check = () => {}) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.response?.status, status, error.message);
    check(error.response.data);
    return true;
  });
}
