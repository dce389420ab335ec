// The relying party openid-client signs users in with everything it can.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oidc from 'openid-client';
import { callback, goodbye, keys, publicURL, registered, User, user } from './rp-harness.mjs';

const issuer = new URL(publicURL);
const insecure = { execute: [oidc.allowInsecureRequests] }; // the server of these tests has no TLS

// relyingParty discovers the server as the client. Signatures of ID tokens are
// verified although they come straight from the token endpoint.
async function relyingParty(client, auth, change = () => {}) {
  const config = await oidc.discovery(issuer, client.client_id, {
    client_secret: client.client_secret, id_token_signed_response_alg: client.id_token_signed_response_alg,
    userinfo_signed_response_alg: client.userinfo_signed_response_alg === 'none' ? undefined : client.userinfo_signed_response_alg,
  }, auth, insecure);
  oidc.enableNonRepudiationChecks(config);
  change(config);
  return config;
}

// wanted are the parameters of a request, and what the answer is checked for.
async function wanted(more = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  return {
    parameters: {
      redirect_uri: callback, scope: 'openid email offline_access', state: expectedState, nonce: expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more,
    },
    checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true },
  };
}

// signedIn is the trip from the request to the tokens.
async function signedIn(config, more, someone = new User()) {
  const { parameters, checks } = await wanted(more);
  const answer = await someone.signIn(oidc.buildAuthorizationUrl(config, parameters));
  return oidc.authorizationCodeGrant(config, answer, checks);
}

test('code with PKCE, user info, refresh, revocation, logout', async () => {
  const client = await registered();
  const config = await relyingParty(client, oidc.ClientSecretBasic(client.client_secret));
  const someone = new User();
  const tokens = await signedIn(config, { max_age: '600', acr_values: '1' }, someone);
  const claims = tokens.claims();
  assert.equal(claims.sub, 'alice');
  assert.equal(claims.acr, '1');
  assert.equal(typeof claims.auth_time, 'number');
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.email, user.email);

  const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(fresh.claims().auth_time, claims.auth_time);
  await oidc.tokenRevocation(config, fresh.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, fresh.refresh_token), { error: 'invalid_grant' });

  const state = 'x'.repeat(128);
  const left = await someone.signOut(oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: goodbye, id_token_hint: tokens.id_token, state }));
  assert.equal(left.href, `${goodbye}?state=${state}`);
  assert.ok(await someone.signedOut(oidc.buildAuthorizationUrl(config, (await wanted()).parameters).href));
});

for (const mode of ['fragment', 'form_post']) {
  test(`code id_token, ${mode}`, async () => {
    const client = await registered({ response_types: ['code id_token'], token_endpoint_auth_method: 'client_secret_post' });
    const config = await relyingParty(client, oidc.ClientSecretPost(client.client_secret), oidc.useCodeIdTokenResponseType);
    const tokens = await signedIn(config, mode === 'form_post' ? { response_mode: mode } : {});
    assert.equal(tokens.claims().sub, 'alice');
  });

  test(`id_token, ${mode}`, async () => {
    const client = await registered({ response_types: ['id_token'] });
    const config = await relyingParty(client, oidc.None(), oidc.useIdTokenResponseType);
    const { parameters, checks } = await wanted({ scope: 'openid email', ...(mode === 'form_post' && { response_mode: mode }) });
    delete parameters.code_challenge;
    delete parameters.code_challenge_method;
    const answer = await new User().signIn(oidc.buildAuthorizationUrl(config, parameters));
    const claims = await oidc.implicitAuthentication(config, answer, checks.expectedNonce, { expectedState: checks.expectedState });
    assert.equal(claims.email, user.email); // there is no access token to ask for it with
  });
}

test('code, form_post', async () => {
  const client = await registered({ token_endpoint_auth_method: 'client_secret_post' });
  const config = await relyingParty(client, oidc.ClientSecretPost(client.client_secret));
  const { parameters, checks } = await wanted({ response_mode: 'form_post' });
  const posted = await new User().signIn(oidc.buildAuthorizationUrl(config, parameters));
  const answer = new URL(`${callback}?${await posted.text()}`); // the library takes a code from the query alone
  assert.equal((await oidc.authorizationCodeGrant(config, answer, checks)).claims().sub, 'alice');
});

for (const alg of ['RS256', 'PS256', 'ES256', 'Ed25519']) {
  test(`private_key_jwt and a signed request object, ${alg}`, async () => {
    const jose = alg === 'Ed25519' ? 'EdDSA' : alg;
    const own = await keys(jose, 'sig');
    const client = await registered({ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: jose, request_object_signing_alg: jose, jwks: own.jwks });
    const key = { key: own.privateKey, kid: own.kid };
    // The library names Ed25519 so, RFC 9864; the server has it as EdDSA as well.
    const asEdDSA = { [oidc.modifyAssertion]: (header) => { header.alg = jose; } };
    const config = await relyingParty(client, oidc.PrivateKeyJwt(key, asEdDSA));
    const { parameters, checks } = await wanted();
    const address = await oidc.buildAuthorizationUrlWithJAR(config, parameters, key, asEdDSA);
    assert.deepEqual([...address.searchParams.keys()].sort(), ['client_id', 'request']); // everything is inside
    const answer = await new User().signIn(address);
    assert.equal((await oidc.authorizationCodeGrant(config, answer, checks)).claims().sub, 'alice');
  });
}

test('client_secret_jwt', async () => {
  const client = await registered({ token_endpoint_auth_method: 'client_secret_jwt' });
  const config = await relyingParty(client, oidc.ClientSecretJwt(client.client_secret));
  assert.equal((await signedIn(config)).claims().sub, 'alice');
});

for (const alg of ['ES256', 'PS512', 'EdDSA']) {
  test(`encrypted ID token and signed user info, ${alg}`, async () => {
    const own = await keys('RSA-OAEP-256', 'enc');
    const client = await registered({
      id_token_signed_response_alg: alg, id_token_encrypted_response_alg: 'RSA-OAEP-256', id_token_encrypted_response_enc: 'A256GCM',
      userinfo_signed_response_alg: alg, jwks: own.jwks,
    });
    const config = await relyingParty(client, oidc.ClientSecretBasic(client.client_secret),
      (c) => oidc.enableDecryptingResponses(c, ['A256GCM'], { key: own.privateKey, kid: own.kid, alg: 'RSA-OAEP-256' }));
    const tokens = await signedIn(config);
    assert.equal(tokens.id_token.split('.').length, 5);
    assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, 'alice')).email, user.email);
  });
}

test('a client that registers itself', async () => {
  const config = await oidc.dynamicClientRegistration(issuer, {
    client_name: 'openid-client', redirect_uris: [callback], post_logout_redirect_uris: [goodbye], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], token_endpoint_auth_method: 'client_secret_post', contacts: ['certification@example.org'],
  }, undefined, insecure);
  const tokens = await signedIn(config);
  assert.ok(tokens.refresh_token);
  const { registration_client_uri: uri, registration_access_token: token } = config.clientMetadata();
  assert.equal((await fetch(uri, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })).status, 204);
});
