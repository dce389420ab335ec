// @ory/hydra-client 26.2.0, for v2.0 to v26: everything of the operator's is
// below /admin. Calls take one object.
import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import sdk from '@ory/hydra-client';
import * as h from './harness.mjs';

const { Configuration, JwkApi, MetadataApi, OAuth2Api, OidcApi, WellknownApi } = sdk;
const apis = { JwkApi, MetadataApi, OAuth2Api, OidcApi, WellknownApi };
const logout = await h.absent('signing out comes with the logout work', {
  'OAuth2Api.getOAuth2LogoutRequest': ['GET', `${h.adminURL}/admin/oauth2/auth/requests/logout?logout_challenge=x`],
  'OAuth2Api.acceptOAuth2LogoutRequest': ['PUT', `${h.adminURL}/admin/oauth2/auth/requests/logout/accept?logout_challenge=x`],
  'OAuth2Api.rejectOAuth2LogoutRequest': ['PUT', `${h.adminURL}/admin/oauth2/auth/requests/logout/reject?logout_challenge=x`],
  'OidcApi.revokeOidcSession': ['GET', `${h.publicURL}/oauth2/sessions/logout`],
});
const registration = await h.absent('dynamic registration comes with its own work', {
  'OidcApi.createOidcDynamicClient': ['POST', `${h.publicURL}/oauth2/register`],
  'OidcApi.getOidcDynamicClient': ['GET', `${h.publicURL}/oauth2/register/x`],
  'OidcApi.setOidcDynamicClient': ['PUT', `${h.publicURL}/oauth2/register/x`],
  'OidcApi.deleteOidcDynamicClient': ['DELETE', `${h.publicURL}/oauth2/register/x`],
});
const leftOut = {
  'OidcApi.createVerifiableCredential': { why: 'a draft that is left out', missing: () => h.unrouted('POST', `${h.publicURL}/credentials`) },
  ...logout, ...registration,
};

const coverage = new h.Coverage(h.methodsOf(apis), leftOut);
after(() => coverage.check());

const api = (name, basePath, credentials = {}) => h.watched(coverage, name, new apis[name](new Configuration({ basePath, ...credentials })));
const admin = api('OAuth2Api', h.adminURL);
const anybody = api('OAuth2Api', h.publicURL);
const as = (client) => api('OAuth2Api', h.publicURL, { username: client.id, password: client.secret });
const secret = 'a-secret-of-the-judge';

async function newClient(change = {}) {
  const { data: made, status, headers } = await admin.createOAuth2Client({
    oAuth2Client: {
      client_name: 'judged', client_secret: secret, redirect_uris: [h.callback],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], response_types: ['code'], scope: 'openid offline read', ...change,
    },
  });
  assert.equal(status, 201);
  assert.equal(headers.location, `/admin/clients/${made.client_id}`);
  return { id: made.client_id, secret, made };
}

// A step of a browser by an operation of the client, which takes what it has
// no names for as options of the request.
async function step(browser, operation, params = {}) {
  const answer = await operation({ params, headers: { cookie: browser.cookie }, maxRedirects: 0, validateStatus: (status) => status === 302 });
  browser.keep(answer.headers['set-cookie']);
  return new URL(answer.headers.location);
}

const begin = async (browser, client) => h.parameter(await step(browser, anybody.oAuth2Authorize, h.authorization(client.id)), 'login_challenge');

const grant = { grant_scope: ['openid', 'offline', 'read'] };
async function decide(browser, loginChallenge, subject, { login = {}, consent = {} } = {}) {
  const { data: asked } = await admin.getOAuth2LoginRequest({ loginChallenge });
  const { data: accepted } = await admin.acceptOAuth2LoginRequest({ loginChallenge, acceptOAuth2LoginRequest: { subject, ...login } });
  const consentChallenge = await browser.challenge(accepted.redirect_to, 'consent_challenge');
  const { data: agreed } = await admin.getOAuth2ConsentRequest({ consentChallenge });
  const { data: done } = await admin.acceptOAuth2ConsentRequest({ consentChallenge, acceptOAuth2ConsentRequest: { ...grant, ...consent } });
  return { asked, agreed, loginChallenge, consentChallenge, last: done.redirect_to, browser };
}

async function signIn(client, subject, options = {}) {
  const browser = options.browser ?? new h.Browser();
  const trip = await decide(browser, await begin(browser, client), subject, options);
  return { ...trip, code: (await browser.end(trip.last)).code };
}

const tokens = async (client, code) => (await as(client).oauth2TokenExchange({ grantType: 'authorization_code', code, redirectUri: h.callback })).data;
const introspect = async (token, scope) => (await admin.introspectOAuth2Token({ token, scope })).data;
const clientToken = async (client) => (await as(client).oauth2TokenExchange({ grantType: 'client_credentials' })).data.access_token;

test('login, consent, code, tokens, sessions', async () => {
  const client = await newClient({ skip_consent: true, metadata: { of: 'the judge' } });
  const subject = h.named('alice');
  const trip = await signIn(client, subject, {
    login: { remember: true, remember_for: 3600, acr: '1', amr: ['pwd'], context: { from: 'login' }, identity_provider_session_id: 'idp' },
    consent: { remember: true, remember_for: 3600, context: { from: 'consent' }, session: { access_token: { tier: 'gold' }, id_token: { email: 'alice@test' } } },
  });
  assert.equal(trip.asked.challenge, trip.loginChallenge);
  assert.deepEqual([trip.asked.client.client_id, trip.asked.client.skip_consent], [client.id, true]);
  assert.deepEqual(trip.asked.requested_scope, ['openid', 'offline', 'read']);
  assert.deepEqual([trip.asked.skip, trip.asked.subject], [false, '']);
  assert.ok(trip.agreed.consent_request_id);
  assert.equal(trip.agreed.login_session_id, trip.asked.session_id);
  assert.deepEqual([trip.agreed.subject, trip.agreed.acr, trip.agreed.amr, trip.agreed.context], [subject, '1', ['pwd'], { from: 'login' }]);
  const got = await tokens(client, trip.code);
  assert.match(got.access_token, /^ory_at_/);
  assert.deepEqual([got.scope, got.token_type.toLowerCase()], ['openid offline read', 'bearer']);

  const live = await introspect(got.access_token, 'read');
  assert.deepEqual([live.active, live.sub, live.client_id, live.ext.tier, live.token_use], [true, subject, client.id, 'gold', 'access_token']);
  const { data: info } = await api('OidcApi', h.publicURL, { accessToken: got.access_token }).getOidcUserInfo();
  assert.deepEqual([info.sub, info.email], [subject, 'alice@test']);
  const { data: next } = await as(client).oauth2TokenExchange({ grantType: 'refresh_token', refreshToken: got.refresh_token });
  assert.equal((await introspect(got.access_token)).active, false);

  const { data: listed } = await admin.listOAuth2ConsentSessions({ subject, pageSize: 10 });
  assert.equal(listed.length, 1);
  assert.deepEqual([listed[0].consent_request_id, listed[0].context, listed[0].grant_scope], [trip.agreed.consent_request_id, { from: 'consent' }, grant.grant_scope]);
  await h.refused(admin.getOAuth2ConsentRequest({ consentChallenge: trip.consentChallenge }), 410, (body) => assert.match(body.redirect_to, /\/oauth2\/auth\?/));

  const again = await signIn(client, subject, { browser: trip.browser });
  assert.deepEqual([again.asked.skip, again.asked.subject, again.agreed.skip], [true, subject, true]);
  const second = await tokens(client, again.code);

  await h.refused(admin.revokeOAuth2ConsentSessions({ subject }), 400);
  assert.equal((await admin.revokeOAuth2ConsentSessions({ consentRequestId: trip.agreed.consent_request_id })).status, 204);
  for (const token of [next.access_token, next.refresh_token, second.access_token]) assert.deepEqual(await introspect(token), { active: false });
  for (const whom of [{ subject, client: client.id }, { subject, all: true }]) {
    const more = await tokens(client, (await signIn(client, subject)).code);
    assert.equal((await admin.revokeOAuth2ConsentSessions(whom)).status, 204);
    assert.equal((await introspect(more.access_token)).active, false);
  }
  assert.equal((await admin.revokeOAuth2LoginSessions({ sid: trip.asked.session_id })).status, 204);
  const fresh = await begin(trip.browser, client);
  assert.equal((await admin.getOAuth2LoginRequest({ loginChallenge: fresh })).data.skip, false);
  assert.equal((await admin.revokeOAuth2LoginSessions({ subject })).status, 204);
});

test('rejections', async () => {
  const client = await newClient();
  const browser = new h.Browser();
  const rejectOAuth2Request = { error: 'access_denied', error_description: 'not today', error_hint: 'tomorrow', status_code: 403 };
  const { data: no } = await admin.rejectOAuth2LoginRequest({ loginChallenge: await begin(browser, client), rejectOAuth2Request });
  const end = await browser.end(no.redirect_to);
  assert.deepEqual([end.error, end.state, end.iss], ['access_denied', 'state-of-the-judge', h.publicURL]);

  const loginChallenge = await begin(browser, client);
  const { data: accepted } = await admin.acceptOAuth2LoginRequest({ loginChallenge, acceptOAuth2LoginRequest: { subject: h.named('bob') } });
  const consentChallenge = await browser.challenge(accepted.redirect_to, 'consent_challenge');
  const { data: refused } = await admin.rejectOAuth2ConsentRequest({ consentChallenge, rejectOAuth2Request });
  assert.equal((await browser.end(refused.redirect_to)).error, 'access_denied');
  await h.refused(admin.getOAuth2LoginRequest({ loginChallenge: '0'.repeat(32) }), 404);
});

if (Object.keys(logout).length === 0) {
  test('signing out', async () => {
    const client = await newClient({ post_logout_redirect_uris: [h.callback], skip_logout_consent: true });
    const subject = h.named('erin');
    const { code, browser, asked } = await signIn(client, subject, { login: { remember: true, remember_for: 3600 } });
    const { id_token: hint } = await tokens(client, code);
    const ask = async () => h.parameter(await step(browser, api('OidcApi', h.publicURL).revokeOidcSession, {
      id_token_hint: hint, post_logout_redirect_uri: h.callback, state: 'bye',
    }), 'logout_challenge');
    const logoutChallenge = await ask();
    const { data: wanted } = await admin.getOAuth2LogoutRequest({ logoutChallenge });
    assert.deepEqual([wanted.challenge, wanted.subject, wanted.sid, wanted.rp_initiated], [logoutChallenge, subject, asked.session_id, true]);
    assert.deepEqual([wanted.client.client_id, wanted.client.skip_logout_consent], [client.id, true]);
    assert.equal((await admin.rejectOAuth2LogoutRequest({ logoutChallenge })).status, 204);
    assert.equal((await admin.getOAuth2LoginRequest({ loginChallenge: await begin(browser, client) })).data.skip, true);
    const { data: done } = await admin.acceptOAuth2LogoutRequest({ logoutChallenge: await ask() });
    assert.equal((await browser.end(done.redirect_to)).state, 'bye');
    assert.equal((await admin.getOAuth2LoginRequest({ loginChallenge: await begin(browser, client) })).data.skip, false);
  });
}

if (Object.keys(registration).length === 0) {
  test('dynamic registration', async () => {
    const oidc = (accessToken) => api('OidcApi', h.publicURL, { accessToken });
    const { data: made, status } = await oidc().createOidcDynamicClient({ oAuth2Client: { client_name: 'registered', redirect_uris: [h.callback] } });
    assert.equal(status, 201);
    assert.ok(made.client_id && made.registration_access_token);
    assert.equal(made.registration_client_uri, `${h.publicURL}/oauth2/register/${made.client_id}`);
    const id = made.client_id;
    const own = oidc(made.registration_access_token);
    const { data: read } = await own.getOidcDynamicClient({ id });
    assert.deepEqual([read.client_name, read.registration_access_token], ['registered', undefined]);
    await h.refused(oidc('ory_at_another').getOidcDynamicClient({ id }), 401);
    const { data: changed } = await own.setOidcDynamicClient({ id, oAuth2Client: { client_name: 'changed', redirect_uris: [h.callback] } });
    assert.equal(changed.client_name, 'changed');
    assert.ok(changed.registration_access_token);
    await h.refused(own.getOidcDynamicClient({ id }), 401); // the token was exchanged
    assert.equal((await oidc(changed.registration_access_token).deleteOidcDynamicClient({ id })).status, 204);
    await h.refused(admin.getOAuth2Client({ id }), 404);
  });
}

test('clients', async () => {
  const owner = h.named('owner');
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await newClient({ owner, client_name: owner })).id);
  const [id] = made;
  const { data: read } = await admin.getOAuth2Client({ id });
  assert.ok(read.created_at && !read.client_secret);
  const { data: changed } = await admin.setOAuth2Client({ id, oAuth2Client: { ...read, client_name: owner, metadata: { n: 1 } } });
  assert.deepEqual(changed.metadata, { n: 1 });
  const { data: patched } = await admin.patchOAuth2Client({ id, jsonPatch: [{ op: 'replace', path: '/metadata', value: { n: 2 } }] });
  assert.deepEqual(patched.metadata, { n: 2 });
  const { data: lived } = await admin.setOAuth2ClientLifespans({ id, oAuth2ClientTokenLifespans: { client_credentials_grant_access_token_lifespan: '90s' } });
  assert.equal(lived.client_credentials_grant_access_token_lifespan, '1m30s');
  const client = { id, secret };
  const token = await clientToken(client);
  const live = await introspect(token);
  assert.equal(live.exp - live.iat, 90);

  const seen = [];
  for (let pageToken; ;) {
    const page = await admin.listOAuth2Clients({ pageSize: 2, pageToken, owner, clientName: owner });
    seen.push(...page.data.map((c) => c.client_id));
    const next = /<[^>]*[?&]page_token=([^&>]*)[^>]*>;\s*rel="next"/.exec(page.headers.link);
    if (!next) break;
    pageToken = decodeURIComponent(next[1]);
  }
  assert.deepEqual(seen.sort(), made.sort());

  assert.equal((await admin.deleteOAuth2Token({ clientId: id })).status, 204);
  assert.equal((await introspect(token)).active, false);
  const another = await clientToken(client);
  assert.equal((await anybody.revokeOAuth2Token({ token: another, clientId: id, clientSecret: secret }).catch((e) => e.response)).status, 401); // registered for Basic
  assert.equal((await as(client).revokeOAuth2Token({ token: another })).status, 200);
  assert.equal((await introspect(another)).active, false);
  assert.equal((await admin.deleteOAuth2Client({ id })).status, 204);
  await h.refused(admin.getOAuth2Client({ id }), 404, (body) => assert.deepEqual(Object.keys(body).sort(), ['error', 'error_description']));
});

test('devices', async () => {
  const client = await newClient({ grant_types: [h.deviceGrant, 'refresh_token'], response_types: [], redirect_uris: [] });
  const { data: device } = await anybody.oAuth2DeviceFlow({
    data: new URLSearchParams({ client_id: client.id, scope: 'openid offline read' }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, auth: { username: client.id, password: client.secret },
  });
  assert.match(device.device_code, /^ory_dc_/);
  const poll = () => h.post('/oauth2/token', client, { grant_type: h.deviceGrant, device_code: device.device_code });
  assert.equal((await poll()).body.error, 'authorization_pending');

  const browser = new h.Browser();
  const page = await step(browser, anybody.performOAuth2DeviceVerificationFlow, { user_code: device.user_code });
  assert.equal(page.origin + page.pathname, `${h.appURL}/device`);
  assert.equal(page.searchParams.get('user_code'), device.user_code);
  const deviceChallenge = h.parameter(page, 'device_challenge');
  await h.refused(admin.acceptUserCodeRequest({ deviceChallenge, acceptDeviceUserCodeRequest: { user_code: 'BCDFGHJK' } }), 400);
  const { data: typed } = await admin.acceptUserCodeRequest({ deviceChallenge, acceptDeviceUserCodeRequest: { user_code: device.user_code } });
  const subject = h.named('carol');
  const trip = await decide(browser, await browser.challenge(typed.redirect_to, 'login_challenge'), subject);
  assert.ok(!trip.asked.request_url.includes(device.user_code));
  const end = await browser.open(trip.last);
  assert.equal(end.origin + end.pathname, `${h.appURL}/connected`);
  await new Promise((resolve) => { setTimeout(resolve, device.interval * 1000); });
  const { status, body } = await poll();
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await introspect(body.access_token)).sub, subject);
  assert.equal((await poll()).status, 400); // paid out once
});

test('trusted issuers', async () => {
  const client = await newClient({ grant_types: [h.bearerGrant], response_types: [] });
  const issuer = h.named('https://idp.test/');
  const subject = h.named('dave');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
  const expires_at = new Date(Date.now() + 3_600_000).toISOString();
  const { data: trust, status } = await admin.trustOAuth2JwtGrantIssuer({ trustOAuth2JwtGrantIssuer: { issuer, subject, scope: ['read'], jwk, expires_at } });
  assert.equal(status, 201);
  assert.deepEqual([trust.issuer, trust.subject, trust.public_key], [issuer, subject, { set: issuer, kid: 'one' }]);
  assert.equal((await admin.getTrustedOAuth2JwtGrantIssuer({ id: trust.id })).data.id, trust.id);
  assert.deepEqual((await admin.listTrustedOAuth2JwtGrantIssuers({ issuer, pageSize: 10 })).data.map((t) => t.id), [trust.id]);

  const assertion = () => {
    const now = Math.floor(Date.now() / 1000);
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${encode({
      iss: issuer, sub: subject, aud: `${h.publicURL}/oauth2/token`, iat: now, exp: now + 60, jti: randomUUID(),
    })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
  };
  // The client has no parameter for the assertion.
  const exchange = () => h.post('/oauth2/token', client, { grant_type: h.bearerGrant, assertion: assertion(), scope: 'read' });
  const { status: paid, body } = await exchange();
  assert.equal(paid, 200, JSON.stringify(body));
  assert.deepEqual([(await introspect(body.access_token)).sub, body.scope], [subject, 'read']);
  assert.equal((await admin.deleteTrustedOAuth2JwtGrantIssuer({ id: trust.id })).status, 204);
  assert.equal((await exchange()).body.error, 'invalid_grant');
  await h.refused(admin.getTrustedOAuth2JwtGrantIssuer({ id: trust.id }), 404);
});

test('keys', async () => {
  const jwk = api('JwkApi', h.adminURL);
  const set = h.named('set');
  for (const alg of ['RS256', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const { data: made, status } = await jwk.createJsonWebKeySet({ set, createJsonWebKeySet: { alg, kid: alg, use: 'sig' } });
    assert.deepEqual([status, made.keys.length, made.keys[0].kid], [201, 1, alg]);
    assert.ok(made.keys[0].d);
  }
  assert.equal((await jwk.getJsonWebKeySet({ set })).data.keys.length, 6);
  const { data: { keys: [one] } } = await jwk.getJsonWebKey({ set, kid: 'ES256' });
  assert.equal((await jwk.setJsonWebKey({ set, kid: 'ES256', jsonWebKey: one })).data.kid, 'ES256');
  assert.equal((await jwk.setJsonWebKeySet({ set, jsonWebKeySet: { keys: [one] } })).data.keys.length, 1);
  assert.equal((await jwk.deleteJsonWebKey({ set, kid: 'ES256' })).status, 204);
  await jwk.createJsonWebKeySet({ set, createJsonWebKeySet: { alg: 'ES256', kid: 'two', use: 'sig' } });
  assert.equal((await jwk.deleteJsonWebKeySet({ set })).status, 204);
  await h.refused(jwk.getJsonWebKeySet({ set }), 404);
});

test('what the server says of itself', async () => {
  const { data: discovered } = await api('OidcApi', h.publicURL).discoverOidcConfiguration();
  assert.deepEqual([discovered.issuer, discovered.device_authorization_endpoint], [h.publicURL, `${h.publicURL}/oauth2/device/auth`]);
  const { data: keys } = await api('WellknownApi', h.publicURL).discoverJsonWebKeys();
  assert.ok(keys.keys.length > 0 && keys.keys.every((k) => !k.d));
  for (const basePath of [h.adminURL, h.publicURL]) {
    const metadata = api('MetadataApi', basePath);
    assert.equal((await metadata.isAlive()).data.status, 'ok');
    assert.equal((await metadata.isReady()).data.status, 'ok');
  }
  assert.ok((await api('MetadataApi', h.adminURL).getVersion()).data.version);
});
