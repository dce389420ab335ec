// What the relying parties share: clients, and a browser whose user signs in
// and out with a login app that speaks to the admin API.
import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair } from 'jose';
import { adminURL, Browser, callback, named, publicURL } from './harness.mjs';

export const goodbye = 'http://127.0.0.1:5555/goodbye';

// users hear claims of theirs in the consent.
export const user = { email: 'alice@example.org', email_verified: true, name: 'Alice' };

async function admin(method, path, body) {
  const res = await fetch(adminURL + path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const text = await res.text();
  assert.ok(res.ok, `${method} ${path}: ${res.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

// registered is a client with these members on top of the usual ones.
export const registered = (members = {}) => admin('POST', '/admin/clients', {
  client_id: named('rp'), redirect_uris: [callback], post_logout_redirect_uris: [goodbye], scope: 'openid offline_access email profile',
  grant_types: ['authorization_code', 'refresh_token', 'implicit'], response_types: ['code'], ...members,
});

// keys are a pair of one algorithm, and the set that the client publishes.
export async function keys(alg, use) {
  const pair = await generateKeyPair(alg, { extractable: true });
  const kid = named('key');
  return { ...pair, kid, jwks: { keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg, use }] } };
}

const decided = (kind, name, challenge, body) =>
  admin('PUT', `/admin/oauth2/auth/requests/${kind}/accept?${name}=${encodeURIComponent(challenge)}`, body).then((to) => to.redirect_to);

// User is somebody in front of a browser.
export class User {
  browser = new Browser();

  // signIn opens the request, signs in, allows everything that is asked for,
  // and returns where the client gets its answer.
  async signIn(url, claims = user) {
    let to = await this.browser.open(url);
    let challenge = to.searchParams.get('login_challenge');
    if (challenge) {
      to = await this.browser.open(await decided('login', 'login_challenge', challenge, { subject: 'alice', remember: true, remember_for: 3600, acr: '1' }));
    }
    challenge = to.searchParams.get('consent_challenge');
    if (challenge) {
      const asked = await admin('GET', `/admin/oauth2/auth/requests/consent?consent_challenge=${encodeURIComponent(challenge)}`);
      const last = await decided('consent', 'consent_challenge', challenge, {
        grant_scope: asked.requested_scope, grant_access_token_audience: asked.requested_access_token_audience, session: { id_token: claims },
      });
      return this.#arrive(last);
    }
    return to;
  }

  // #arrive follows the last redirect; a page with a form is sent as a browser
  // would, and becomes the request that the client sees.
  async #arrive(url) {
    const res = await fetch(url, { redirect: 'manual', headers: { cookie: this.browser.cookie } });
    this.browser.keep(res.headers.getSetCookie());
    if (res.status !== 200) return new URL(res.headers.get('location'), url);
    const page = await res.text();
    const plain = (s) => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n)).replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const attribute = (tag, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)[1]);
    const body = new URLSearchParams([...page.matchAll(/<input [^>]*>/g)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value')]));
    return new Request(attribute(/<form [^>]*>/.exec(page)[0], 'action'), { method: 'POST', body });
  }

  // signOut opens the logout request, says yes, and returns where it ends.
  async signOut(url) {
    const to = await this.browser.open(url);
    const challenge = to.searchParams.get('logout_challenge');
    assert.ok(challenge, `no logout_challenge in ${to}`);
    return this.browser.open(await decided('logout', 'logout_challenge', challenge));
  }

  // signedOut tells whether the server has forgotten the user.
  async signedOut(url) {
    const to = await this.browser.open(`${url}&prompt=none`);
    return to.searchParams.get('error') === 'login_required';
  }
}

export { callback, publicURL };
