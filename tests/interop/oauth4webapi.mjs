// oauth4webapi: strict readings of RFC 8414, 6749, 7662, 7009, 9068 and 9728.
import * as oauth from 'oauth4webapi';
import { assert, clientId, clientSecret, issuer, tampered, use } from './common.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const at = new URL(issuer);
const client = { client_id: clientId };

async function discover(algorithm) {
  const reply = await oauth.discoveryRequest(at, { algorithm, ...insecure });
  return oauth.processDiscoveryResponse(at, reply);
}

async function ask(as, proof, parameters) {
  const reply = await oauth.clientCredentialsGrantRequest(as, client, proof, parameters, insecure);
  const copy = reply.clone();
  const got = await oauth.processClientCredentialsResponse(as, client, reply);
  if (got.id_token !== undefined) {
    await oauth.validateApplicationLevelSignature(as, reply, insecure);
    assert.equal(oauth.getValidatedIdTokenClaims(got).sub, clientId);
  }
  assert.equal(copy.headers.get('cache-control'), 'no-store');
  return got;
}

async function introspect(as, proof, token) {
  const reply = await oauth.introspectionRequest(as, client, proof, token, insecure);
  return oauth.processIntrospectionResponse(as, client, reply);
}

async function revoke(as, proof, token) {
  const reply = await oauth.revocationRequest(as, client, proof, token, insecure);
  await oauth.processRevocationResponse(reply);
}

function validate(as, token, audience = issuer) {
  const request = new Request(`${issuer}/api/v1/agents`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return oauth.validateJwtAccessToken(as, request, audience, insecure);
}

async function whole(as, proof) {
  const got = await ask(as, proof, { scope: 'agents:read tokens:read' });
  assert.equal(got.token_type, 'bearer');
  assert.equal(got.expires_in, 3600);
  const claims = await validate(as, got.access_token);
  assert.equal(claims.client_id, clientId);

  const told = await introspect(as, proof, got.access_token);
  assert.equal(told.active, true);
  for (const name of ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'])
    assert.deepEqual(told[name], claims[name], name);
  assert.equal(await use(got.access_token), 200);

  await revoke(as, proof, got.access_token);
  assert.equal((await introspect(as, proof, got.access_token)).active, false);
  assert.equal(await use(got.access_token), 401);
  await revoke(as, proof, got.access_token);
  await revoke(as, proof, 'what is no token');

  const who = await ask(as, proof, { scope: 'openid' });
  assert.ok(who.id_token);
  await assert.rejects(validate(as, who.id_token), /"typ" header/);
}

/** What the library throws for a 401 that has a challenge of this scheme. */
function challenged(scheme, error) {
  return (fault) => {
    assert.equal(fault.name, 'WWWAuthenticateChallengeError', fault);
    assert.equal(fault.status, 401);
    assert.equal(fault.cause[0].scheme, scheme);
    assert.equal(fault.cause[0].parameters.error, error);
    return true;
  };
}

async function refusals(as) {
  const proof = oauth.ClientSecretBasic(clientSecret);
  const refused = (status, error) => ({ name: 'ResponseBodyError', status, error });
  const ours = (parameters, by = proof) => ask(as, by, parameters);
  const wrong = 'sk_live_' + '0'.repeat(64);

  await assert.rejects(ours({ scope: 'nonsense' }), refused(400, 'invalid_scope'));
  const elsewhere = { resource: 'https://elsewhere.example/' };
  await assert.rejects(ours(elsewhere), refused(400, 'invalid_target'));
  await assert.rejects(ours({}, oauth.ClientSecretPost(wrong)), challenged('bearer'));
  await assert.rejects(ours({}, oauth.ClientSecretBasic(wrong)), challenged('basic'));

  const { access_token: token } = await ours({ resource: `${issuer}/mcp` });
  await validate(as, token, `${issuer}/mcp`);
  await assert.rejects(validate(as, token), /aud/);
  await assert.rejects(validate(as, tampered(token, 2), `${issuer}/mcp`), /signature/);
}

async function resource(as) {
  const api = new URL(`${issuer}/api/v1/agents`);
  const described = await oauth.processResourceDiscoveryResponse(
    api,
    await oauth.resourceDiscoveryRequest(api, insecure),
  );
  assert.deepEqual(described.authorization_servers, [as.issuer]);
  const call = (token) =>
    oauth.protectedResourceRequest(token, 'GET', api, undefined, null, insecure);
  const { access_token: token } = await ask(as, oauth.ClientSecretBasic(clientSecret), {});
  assert.equal((await call(token)).status, 200);
  await assert.rejects(call(tampered(token, 2)), challenged('bearer', 'invalid_token'));
  const user = await oauth.userInfoRequest(as, client, token, insecure);
  assert.equal((await oauth.processUserInfoResponse(as, client, clientId, user)).sub, clientId);
}

const server = await discover('oauth2');
const openid = await discover('oidc');
assert.equal(openid.token_endpoint, server.token_endpoint);
for (const as of [server, openid])
  for (const proof of [oauth.ClientSecretBasic(clientSecret), oauth.ClientSecretPost(clientSecret)])
    await whole(as, proof);
await refusals(server);
await resource(openid);
