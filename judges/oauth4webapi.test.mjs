// The relying party oauth4webapi, which checks each step by itself and more
// strictly than most.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactDecrypt } from 'jose';
import * as oauth from 'oauth4webapi';
import { callback, goodbye, keys, publicURL, registered, User, user } from './rp-harness.mjs';

const issuer = new URL(publicURL);
const insecure = { [oauth.allowInsecureRequests]: true }; // the server of these tests has no TLS
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));

// asked is an authorization request with all that can be checked afterwards.
async function asked(client, more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: callback, response_type: 'code', scope: 'openid email offline_access', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  });
  return { url, verifier, state, nonce };
}

// exchanged trades the code of a checked answer for tokens.
async function exchanged(client, auth, parameters, { verifier, nonce }) {
  const res = await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, callback, verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, res, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, res, insecure);
  return tokens;
}

test('code with PKCE, user info, refresh, replay, logout', async () => {
  const client = await registered({ userinfo_signed_response_alg: 'none' });
  delete client.userinfo_signed_response_alg; // the library has no word for plain JSON
  const auth = oauth.ClientSecretBasic(client.client_secret);
  const someone = new User();
  const request = await asked(client, { max_age: '600' });
  const parameters = oauth.validateAuthResponse(as, client, await someone.signIn(request.url), request.state);
  const tokens = await exchanged(client, auth, parameters, request);
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal(claims.sub, 'alice');

  const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  assert.equal((await oauth.processUserInfoResponse(as, client, claims.sub, info)).email, user.email);

  const res = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure);
  assert.match(res.headers.get('cache-control'), /no-store/);
  const fresh = await oauth.processRefreshTokenResponse(as, client, res);
  assert.equal(oauth.getValidatedIdTokenClaims(fresh).sub, 'alice');

  const again = await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, callback, request.verifier, insecure);
  await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, again), { error: 'invalid_grant', status: 400 });
  const dead = await oauth.userInfoRequest(as, client, fresh.access_token, insecure);
  assert.equal(dead.status, 401); // the replay ended what the code had bought

  const out = new URL(as.end_session_endpoint);
  out.search = new URLSearchParams({ id_token_hint: fresh.id_token, post_logout_redirect_uri: goodbye, state: 'bye' });
  assert.equal((await someone.signOut(out)).href, `${goodbye}?state=bye`);
  assert.ok(await someone.signedOut((await asked(client)).url.href));
});

for (const response_mode of ['fragment', 'form_post']) {
  test(`code id_token, ${response_mode}`, async () => {
    const client = await registered({ response_types: ['code id_token'] });
    const request = await asked(client, { response_type: 'code id_token', response_mode, max_age: '600' });
    const answer = await new User().signIn(request.url);
    // state, iss, nonce, auth_time, c_hash and the signature
    const parameters = await oauth.validateCodeIdTokenResponse(as, client, answer, request.nonce, request.state, 600, insecure);
    const tokens = await exchanged(client, oauth.ClientSecretBasic(client.client_secret), parameters, request);
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, 'alice');
  });
}

test('private_key_jwt, a signed request object, an encrypted ID token and encrypted user info', async () => {
  const signing = await keys('ES256', 'sig');
  const encryption = await keys('RSA-OAEP', 'enc');
  const client = await registered({
    token_endpoint_auth_method: 'private_key_jwt', request_object_signing_alg: 'ES256', jwks: { keys: [...signing.jwks.keys, ...encryption.jwks.keys] },
    id_token_encrypted_response_alg: 'RSA-OAEP', id_token_encrypted_response_enc: 'A128CBC-HS256',
    userinfo_signed_response_alg: 'RS256', userinfo_encrypted_response_alg: 'RSA-OAEP', userinfo_encrypted_response_enc: 'A128GCM',
  });
  const key = { key: signing.privateKey, kid: signing.kid };
  const decrypting = { [oauth.jweDecrypt]: async (jwe) => new TextDecoder().decode((await compactDecrypt(jwe, encryption.privateKey)).plaintext) };
  const request = await asked(client);
  const inside = new URLSearchParams(request.url.search);
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client.client_id, request: await oauth.issueRequestObject(as, client, inside, key) });

  const parameters = oauth.validateAuthResponse(as, client, await new User().signIn(url), request.state);
  const res = await oauth.authorizationCodeGrantRequest(as, client, oauth.PrivateKeyJwt(key), parameters, callback, request.verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, res, { expectedNonce: request.nonce, requireIdToken: true, ...decrypting });
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  assert.match(info.headers.get('content-type'), /^application\/jwt/);
  assert.equal((await oauth.processUserInfoResponse(as, client, claims.sub, info, decrypting)).email, user.email);
});

test('a client that registers itself', async () => {
  const res = await oauth.dynamicClientRegistrationRequest(as, {
    client_name: 'oauth4webapi', redirect_uris: [callback], grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'client_secret_post',
  }, insecure);
  const client = await oauth.processDynamicClientRegistrationResponse(res);
  const request = await asked(client, { scope: 'openid email' });
  const parameters = oauth.validateAuthResponse(as, client, await new User().signIn(request.url), request.state);
  await exchanged(client, oauth.ClientSecretPost(client.client_secret), parameters, request);
});

test('errors', async () => {
  const client = await registered();
  const request = await asked(client, { prompt: 'none' });
  const answer = await new User().signIn(request.url);
  assert.throws(() => oauth.validateAuthResponse(as, client, answer, request.state), { error: 'login_required' });
  assert.deepEqual([...answer.searchParams.keys()].sort(), ['error', 'error_description', 'iss', 'state']);
});
