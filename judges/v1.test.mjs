// @oryd/hydra-client 1.8.5, for v1.0 to v1.11: challenges are parameters of
// the query.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import sdk from '@oryd/hydra-client';
import * as h from './harness.mjs';

const { AdminApi, Configuration, PublicApi } = sdk;
const logout = await h.absent('signing out comes with the logout work', {
  'AdminApi.getLogoutRequest': ['GET', `${h.adminURL}/oauth2/auth/requests/logout?logout_challenge=x`],
  'AdminApi.acceptLogoutRequest': ['PUT', `${h.adminURL}/oauth2/auth/requests/logout/accept?logout_challenge=x`],
  'AdminApi.rejectLogoutRequest': ['PUT', `${h.adminURL}/oauth2/auth/requests/logout/reject?logout_challenge=x`],
  'PublicApi.disconnectUser': ['GET', `${h.publicURL}/oauth2/sessions/logout`],
});
const coverage = new h.Coverage(h.methodsOf({ AdminApi, PublicApi }), logout);
after(() => coverage.check());

const admin = h.watched(coverage, 'AdminApi', new AdminApi(new Configuration({ basePath: h.adminURL })));
const anybody = api({});
function api(credentials) {
  return h.watched(coverage, 'PublicApi', new PublicApi(new Configuration({ basePath: h.publicURL, ...credentials })));
}
const as = (client) => api({ username: client.id, password: client.secret });
const secret = 'a-secret-of-the-judge';

async function newClient(change = {}) {
  const { data: made, status } = await admin.createOAuth2Client({
    client_id: h.named('v1'), client_name: 'judged', client_secret: secret, redirect_uris: [h.callback],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'], scope: 'openid offline read',
    metadata: { of: 'the judge' }, post_logout_redirect_uris: [h.callback], ...change,
  });
  assert.equal(status, 201);
  return { id: made.client_id, secret, made };
}

// A browser's first step is the client's own operation, which takes what it
// has no names for as options of the request.
async function begin(browser, client) {
  const answer = await anybody.oauthAuth({
    params: h.authorization(client.id), headers: { cookie: browser.cookie }, maxRedirects: 0, validateStatus: (status) => status === 302,
  });
  browser.keep(answer.headers['set-cookie']);
  return h.parameter(new URL(answer.headers.location), 'login_challenge');
}

async function signIn(client, subject, { browser = new h.Browser(), login = {}, consent = {} } = {}) {
  const challenge = await begin(browser, client);
  const { data: asked } = await admin.getLoginRequest(challenge);
  const { data: accepted } = await admin.acceptLoginRequest(challenge, { subject, ...login });
  const next = await browser.challenge(accepted.redirect_to, 'consent_challenge');
  const { data: agreed } = await admin.getConsentRequest(next);
  const { data: done } = await admin.acceptConsentRequest(next, { grant_scope: ['openid', 'offline', 'read'], handled_at: new Date().toISOString(), ...consent });
  const { code } = await browser.end(done.redirect_to);
  return { asked, agreed, challenge, consentChallenge: next, code, browser };
}

const tokens = async (client, code) => (await as(client).oauth2Token('authorization_code', code, undefined, h.callback)).data;
const introspect = async (token, scope) => (await admin.introspectOAuth2Token(token, scope)).data;

test('login, consent, code, tokens, sessions', async () => {
  const client = await newClient();
  const subject = h.named('alice');
  const trip = await signIn(client, subject, {
    login: { remember: true, remember_for: 3600, acr: '1', context: { from: 'login' } },
    consent: { remember: true, remember_for: 3600, session: { access_token: { tier: 'gold' }, id_token: { email: 'alice@test' } } },
  });
  assert.equal(trip.asked.challenge, trip.challenge);
  assert.equal(trip.asked.client.client_id, client.id);
  assert.deepEqual(trip.asked.requested_scope, ['openid', 'offline', 'read']);
  assert.deepEqual([trip.asked.skip, trip.asked.subject], [false, '']);
  assert.ok(trip.asked.session_id);
  assert.equal(trip.agreed.login_challenge, trip.challenge);
  assert.equal(trip.agreed.login_session_id, trip.asked.session_id);
  assert.equal(trip.agreed.subject, subject);
  assert.equal(trip.agreed.acr, '1');
  assert.deepEqual(trip.agreed.context, { from: 'login' });
  const got = await tokens(client, trip.code);
  assert.equal(got.scope, 'openid offline read');
  assert.ok(got.id_token && got.refresh_token && got.expires_in > 0);

  const live = await introspect(got.access_token, 'read');
  assert.deepEqual([live.active, live.sub, live.client_id, live.ext.tier], [true, subject, client.id, 'gold']);
  const { data: info } = await api({ accessToken: got.access_token }).userinfo();
  assert.deepEqual([info.sub, info.email], [subject, 'alice@test']);
  const { data: next } = await as(client).oauth2Token('refresh_token', undefined, got.refresh_token);
  assert.equal((await introspect(got.access_token)).active, false);
  assert.equal((await introspect(next.access_token)).active, true);

  const listed = await admin.listSubjectConsentSessions(subject);
  assert.equal(listed.headers['x-total-count'], '1');
  assert.equal(listed.data.length, 1);
  assert.deepEqual(listed.data[0].grant_scope, ['openid', 'offline', 'read']);
  assert.equal(listed.data[0].consent_request.client.client_id, client.id);
  assert.ok(listed.data[0].handled_at);
  // Handled is what was paid out.
  await h.refused(admin.getConsentRequest(trip.consentChallenge), 410, (body) => assert.match(body.redirect_to, /\/oauth2\/auth\?/));
  await h.refused(admin.acceptLoginRequest(trip.challenge, { subject }), 410);

  const again = await signIn(client, subject, { browser: trip.browser });
  assert.deepEqual([again.asked.skip, again.asked.subject, again.agreed.skip], [true, subject, true]);
  const second = await tokens(client, again.code);

  await h.refused(admin.revokeConsentSessions(subject), 400);
  assert.equal((await admin.revokeConsentSessions(subject, client.id)).status, 204);
  for (const token of [next.access_token, next.refresh_token, second.access_token]) assert.equal((await introspect(token)).active, false);
  const third = await tokens(client, (await signIn(client, subject)).code);
  assert.equal((await admin.revokeConsentSessions(subject, undefined, true)).status, 204);
  assert.equal((await introspect(third.access_token)).active, false);
  assert.equal((await admin.revokeAuthenticationSession(subject)).status, 204);
  assert.equal((await admin.getLoginRequest(await begin(trip.browser, client))).data.skip, false);
});

test('rejections', async () => {
  const client = await newClient();
  const browser = new h.Browser();
  const denied = { error: 'access_denied', error_description: 'not today', error_hint: 'tomorrow', status_code: 403 };
  const { data: refused } = await admin.rejectLoginRequest(await begin(browser, client), denied);
  const end = await browser.end(refused.redirect_to);
  assert.deepEqual([end.error, end.state], ['access_denied', 'state-of-the-judge']);

  const { data: accepted } = await admin.acceptLoginRequest(await begin(browser, client), { subject: h.named('bob') });
  const { data: no } = await admin.rejectConsentRequest(await browser.challenge(accepted.redirect_to, 'consent_challenge'), denied);
  assert.equal((await browser.end(no.redirect_to)).error, 'access_denied');
  await h.refused(admin.getLoginRequest('0'.repeat(32)), 404);
});

if (Object.keys(logout).length === 0) {
  test('signing out', async () => {
    const client = await newClient();
    const subject = h.named('erin');
    const { code, browser, asked } = await signIn(client, subject, { login: { remember: true, remember_for: 3600 } });
    const { id_token: hint } = await tokens(client, code);
    const ask = async () => {
      const answer = await anybody.disconnectUser({
        params: { id_token_hint: hint, post_logout_redirect_uri: h.callback, state: 'bye' },
        headers: { cookie: browser.cookie }, maxRedirects: 0, validateStatus: (status) => status === 302,
      });
      browser.keep(answer.headers['set-cookie']);
      return h.parameter(new URL(answer.headers.location), 'logout_challenge');
    };
    const first = await ask();
    const { data: wanted } = await admin.getLogoutRequest(first);
    assert.deepEqual([wanted.subject, wanted.sid, wanted.rp_initiated], [subject, asked.session_id, true]);
    assert.match(wanted.request_url, /\/oauth2\/sessions\/logout/);
    assert.equal((await admin.rejectLogoutRequest(first, { error: 'access_denied' })).status, 204);
    assert.equal((await admin.getLoginRequest(await begin(browser, client))).data.skip, true);
    const { data: done } = await admin.acceptLogoutRequest(await ask());
    assert.equal((await browser.end(done.redirect_to)).state, 'bye');
    assert.equal((await admin.getLoginRequest(await begin(browser, client))).data.skip, false);
  });
}

test('clients', async () => {
  const client = await newClient({ owner: h.named('owner') });
  assert.equal(client.made.client_secret, secret);
  const { data: read } = await admin.getOAuth2Client(client.id);
  assert.deepEqual(read.metadata, { of: 'the judge' });
  assert.ok(read.created_at && !read.client_secret);
  const { data: changed } = await admin.updateOAuth2Client(client.id, { ...read, client_name: 'changed' });
  assert.equal(changed.client_name, 'changed');
  const pages = [];
  for (let offset = 0; ; offset += 2) {
    const page = await admin.listOAuth2Clients(2, offset);
    assert.ok(Number(page.headers['x-total-count']) >= 1);
    pages.push(...page.data.map((c) => c.client_id));
    if (page.data.length < 2) break;
  }
  assert.ok(pages.includes(client.id));
  const { data: token } = await as(client).oauth2Token('client_credentials');
  assert.equal((await admin.deleteOAuth2Token(client.id)).status, 204);
  assert.equal((await introspect(token.access_token)).active, false);
  assert.equal((await admin.deleteOAuth2Client(client.id)).status, 204);
  await h.refused(admin.getOAuth2Client(client.id), 404);
});

test('tokens', async () => {
  const client = await newClient();
  const { data: token } = await as(client).oauth2Token('client_credentials');
  assert.equal((await introspect(token.access_token)).active, true);
  assert.equal((await introspect(token.access_token, 'write')).active, false);
  assert.equal((await as(client).revokeOAuth2Token(token.access_token)).status, 200);
  assert.deepEqual(await introspect(token.access_token), { active: false });
  assert.equal((await admin.flushInactiveOAuth2Tokens({ notAfter: new Date().toISOString() })).status, 204);
});

test('keys', async () => {
  const set = h.named('set');
  for (const alg of ['RS256', 'ES256', 'ES512', 'HS256', 'HS512']) {
    const made = await admin.createJsonWebKeySet(set, { alg, kid: alg, use: 'sig' });
    assert.equal(made.status, 201);
    await admin.deleteJsonWebKeySet(set);
  }
  const { data: made } = await admin.createJsonWebKeySet(set, { alg: 'RS256', kid: 'one', use: 'sig' });
  assert.deepEqual(made.keys.map((k) => k.kid).sort(), ['private:one', 'public:one']);
  assert.equal((await admin.getJsonWebKeySet(set)).data.keys.length, 2);
  const { data: { keys: [one] } } = await admin.getJsonWebKey('public:one', set);
  assert.equal((await admin.updateJsonWebKey('public:one', set, one)).data.kid, 'public:one');
  assert.equal((await admin.updateJsonWebKeySet(set, { keys: [one] })).data.keys.length, 1);
  assert.equal((await admin.deleteJsonWebKey('public:one', set)).status, 204);
  await h.refused(admin.getJsonWebKeySet(set), 404);
});

test('what the server says of itself', async () => {
  const { data: discovered } = await anybody.discoverOpenIDConfiguration();
  assert.equal(discovered.issuer, h.publicURL);
  assert.equal(discovered.token_endpoint, `${h.publicURL}/oauth2/token`);
  const { data: keys } = await anybody.wellKnown();
  assert.ok(keys.keys.length > 0 && keys.keys.every((k) => !k.d));
  assert.equal((await anybody.isInstanceReady()).data.status, 'ok');
  assert.equal((await admin.isInstanceAlive()).data.status, 'ok');
  assert.ok((await admin.getVersion()).data.version);
  assert.match((await admin.prometheus()).data, /# HELP/);
});
