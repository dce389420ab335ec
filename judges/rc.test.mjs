// ory-hydra-sdk 1.0.0-beta.8, for v1.0.0-rc.6: challenges are segments of the
// path. It takes callbacks.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createRequire } from 'node:module';
import * as h from './harness.mjs';
import { asPackagedOnAMac } from './case.mjs';

const sdk = asPackagedOnAMac(createRequire(import.meta.url), 'ory-hydra-sdk');

const apis = ['HealthApi', 'JsonWebKeyApi', 'MetricsApi', 'OAuth2Api', 'VersionApi'];
const operations = apis.flatMap((api) => Object.keys(new sdk[api]()).filter((m) => m !== 'apiClient').map((m) => `${api}.${m}`));
const coverage = new h.Coverage(operations, {});
after(() => coverage.check());

function connection(basePath, credentials = {}) {
  const client = new sdk.ApiClient();
  client.basePath = basePath;
  Object.assign(client.authentications.basic, credentials.basic);
  Object.assign(client.authentications.oauth2, credentials.oauth2);
  return client;
}

const admin = connection(h.adminURL);

// call makes a promise of a call; status is what the answer must have.
async function call(operation, args = [], { on = admin, status } = {}) {
  const [api, method] = operation.split('.');
  const { error, data, response } = await new Promise((resolve) => {
    new sdk[api](on)[method](...args, (error, data, response) => resolve({ error, data, response }));
  });
  if (status) assert.equal(response?.status, status, `${operation}: ${error} ${response?.text}`);
  else assert.ifError(error && new Error(`${operation}: ${error.message} ${response?.text}`));
  coverage.drive(operation);
  return data;
}

const oauth2 = (method, ...args) => call(`OAuth2Api.${method}`, args);
const nothing = (operation, ...args) => call(operation, args, { status: 204 });

async function newClient(change = {}) {
  const made = await oauth2('createOAuth2Client', {
    client_id: h.named('rc'), client_name: 'judged', client_secret: 'a-secret-of-the-judge', redirect_uris: [h.callback],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'], scope: 'openid offline read', ...change,
  });
  return { id: made.client_id, secret: 'a-secret-of-the-judge', made };
}

async function signIn(client, subject, { browser = new h.Browser(), login = {}, consent = {} } = {}) {
  const challenge = await browser.challenge(h.authorizationURL(client.id), 'login_challenge');
  const asked = await oauth2('getLoginRequest', challenge);
  const accepted = await oauth2('acceptLoginRequest', challenge, { body: { subject, ...login } });
  const next = await browser.challenge(accepted.redirect_to, 'consent_challenge');
  const agreed = await oauth2('getConsentRequest', next);
  const done = await oauth2('acceptConsentRequest', next, { body: { grant_scope: ['openid', 'offline', 'read'], ...consent } });
  const { code } = await browser.end(done.redirect_to);
  return { asked, agreed, challenge, consentChallenge: next, code, browser };
}

async function tokens(client, code) {
  const { status, body } = await h.post('/oauth2/token', client, { grant_type: 'authorization_code', code, redirect_uri: h.callback });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

test('login, consent, code, tokens, sessions', async () => {
  const client = await newClient();
  const subject = h.named('alice');
  const trip = await signIn(client, subject, {
    login: { remember: true, remember_for: 3600, acr: '1' },
    consent: { remember: true, remember_for: 3600, session: { access_token: { tier: 'gold' }, id_token: { email: 'alice@test' } } },
  });
  assert.equal(trip.asked.challenge, trip.challenge);
  assert.equal(trip.asked.client.client_id, client.id);
  assert.deepEqual(trip.asked.requested_scope, ['openid', 'offline', 'read']);
  assert.equal(trip.asked.skip, false);
  assert.match(trip.asked.request_url, /^http.*\/oauth2\/auth\?/);
  assert.equal(trip.agreed.subject, subject);
  assert.deepEqual(trip.agreed.requested_scope, ['openid', 'offline', 'read']);
  const got = await tokens(client, trip.code);
  assert.equal(got.token_type, 'bearer');

  const live = await oauth2('introspectOAuth2Token', got.access_token, { scope: 'read' });
  assert.equal(live.active, true);
  assert.equal(live.sub, subject);
  assert.equal(live.client_id, client.id);
  assert.equal(live.ext.tier, 'gold');
  assert.equal(typeof live.exp, 'number');
  const info = await call('OAuth2Api.userinfo', [], { on: connection(h.publicURL, { oauth2: { accessToken: got.access_token } }) });
  assert.equal(info.sub, subject);
  assert.equal(info.email, 'alice@test');

  const listed = await oauth2('listUserConsentSessions', subject);
  assert.equal(listed.length, 1);
  assert.deepEqual(listed[0].grant_scope, ['openid', 'offline', 'read']);
  assert.equal(listed[0].consent_request.client.client_id, client.id);
  assert.equal(listed[0].remember, true);

  const again = await signIn(client, subject, { browser: trip.browser });
  assert.equal(again.asked.skip, true);
  assert.equal(again.agreed.skip, true);
  const second = await tokens(client, again.code);

  await nothing('OAuth2Api.revokeUserClientConsentSessions', subject, client.id);
  assert.equal((await oauth2('introspectOAuth2Token', got.access_token, {})).active, false);
  assert.equal((await oauth2('introspectOAuth2Token', second.refresh_token, {})).active, false);
  const third = await tokens(client, (await signIn(client, subject)).code);
  await nothing('OAuth2Api.revokeAllUserConsentSessions', subject);
  assert.equal((await oauth2('introspectOAuth2Token', third.access_token, {})).active, false);
  // It keeps no cookies, so nobody is signed out; the browser is sent on.
  await call('OAuth2Api.revokeUserLoginCookie', [], { on: connection(h.publicURL), status: 200 });
  await nothing('OAuth2Api.revokeAuthenticationSession', subject);
  const fresh = await trip.browser.challenge(h.authorizationURL(client.id), 'login_challenge');
  assert.equal((await oauth2('getLoginRequest', fresh)).skip, false);
});

test('rejections', async () => {
  const client = await newClient();
  const browser = new h.Browser();
  const challenge = await browser.challenge(h.authorizationURL(client.id), 'login_challenge');
  const denied = { body: { error: 'access_denied', error_description: 'not today' } };
  const refused = await oauth2('rejectLoginRequest', challenge, denied);
  assert.equal((await browser.end(refused.redirect_to)).error, 'access_denied');

  const another = new h.Browser();
  const login = await another.challenge(h.authorizationURL(client.id), 'login_challenge');
  const accepted = await oauth2('acceptLoginRequest', login, { body: { subject: h.named('bob') } });
  const consent = await another.challenge(accepted.redirect_to, 'consent_challenge');
  const end = await another.end((await oauth2('rejectConsentRequest', consent, denied)).redirect_to);
  assert.equal(end.error, 'access_denied');
  assert.equal(end.state, 'state-of-the-judge');

  await call('OAuth2Api.getLoginRequest', ['0'.repeat(32)], { status: 404 });
});

test('clients', async () => {
  const client = await newClient();
  assert.equal(client.made.client_name, 'judged');
  assert.equal(client.made.client_secret, client.secret);
  const read = await oauth2('getOAuth2Client', client.id);
  assert.deepEqual(read.redirect_uris, [h.callback]);
  assert.equal(read.client_secret, undefined);
  const changed = await oauth2('updateOAuth2Client', client.id, { client_name: 'changed', redirect_uris: [h.callback], scope: 'openid' });
  assert.equal(changed.client_name, 'changed');
  const all = await oauth2('listOAuth2Clients', { limit: 500, offset: 0 });
  assert.ok(all.some((c) => c.client_id === client.id && c.client_name === 'changed'));
  await nothing('OAuth2Api.deleteOAuth2Client', client.id);
  await call('OAuth2Api.getOAuth2Client', [client.id], { status: 404 });
});

test('tokens', async () => {
  const client = await newClient();
  const { body } = await h.post('/oauth2/token', client, { grant_type: 'client_credentials', scope: 'read' });
  assert.equal((await oauth2('introspectOAuth2Token', body.access_token, { scope: 'read' })).active, true);
  assert.equal((await oauth2('introspectOAuth2Token', body.access_token, { scope: 'write' })).active, false);
  const own = connection(h.publicURL, { basic: { username: client.id, password: client.secret } });
  await call('OAuth2Api.revokeOAuth2Token', [body.access_token], { on: own, status: 200 });
  assert.equal((await oauth2('introspectOAuth2Token', body.access_token, {})).active, false);
  await nothing('OAuth2Api.flushInactiveOAuth2Tokens', { body: { notAfter: new Date().toISOString() } });

  // This client cannot send parameters here: what it gets is a plain refusal.
  await call('OAuth2Api.oauthToken', [], { on: own, status: 400 });
  await call('OAuth2Api.oauthAuth', [], { on: connection(h.publicURL), status: 401 });
});

test('keys', async () => {
  const set = h.named('set');
  const key = (operation, ...args) => call(`JsonWebKeyApi.${operation}`, args);
  const made = await key('createJsonWebKeySet', set, { body: { alg: 'RS256', kid: 'one', use: 'sig' } });
  assert.deepEqual(made.keys.map((k) => k.kid).sort(), ['private:one', 'public:one']);
  assert.equal((await key('getJsonWebKeySet', set)).keys.length, 2);
  const [one] = (await key('getJsonWebKey', 'public:one', set)).keys;
  assert.equal(one.kty, 'RSA');
  const plain = JSON.parse(JSON.stringify(one));
  assert.equal((await key('updateJsonWebKey', 'public:one', set, { body: plain })).kid, 'public:one');
  assert.equal((await key('updateJsonWebKeySet', set, { body: { keys: [plain] } })).keys.length, 1);
  await nothing('JsonWebKeyApi.deleteJsonWebKey', 'public:one', set);
  await key('createJsonWebKeySet', set, { body: { alg: 'HS256', kid: 'two', use: 'sig' } });
  await nothing('JsonWebKeyApi.deleteJsonWebKeySet', set);
  await call('JsonWebKeyApi.getJsonWebKeySet', [set], { status: 404 });
});

test('what the server says of itself', async () => {
  const discovered = await call('OAuth2Api.getWellKnown', [], { on: connection(h.publicURL) });
  assert.equal(discovered.token_endpoint, `${h.publicURL}/oauth2/token`);
  assert.ok(discovered.response_types_supported.includes('code'));
  const keys = await call('OAuth2Api.wellKnown', [], { on: connection(h.publicURL) });
  assert.ok(keys.keys.every((k) => k.kid.startsWith('public:') && !k.d));
  assert.equal((await call('HealthApi.isInstanceAlive')).status, 'ok');
  assert.equal((await call('HealthApi.isInstanceReady')).status, 'ok');
  assert.equal(typeof (await call('VersionApi.getVersion')).version, 'string');
  await call('MetricsApi.getPrometheusMetrics', [], { status: 200 });
});
