// jose: tokens verify with the published key set, and only for what they are.
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { assert, clientId, grant, issuer, tampered } from './common.mjs';

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const access = { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['RS256'] };
const identity = { issuer, audience: clientId, typ: 'JWT', algorithms: ['RS256'] };
const got = await grant({ scope: 'openid agents:read', nonce: 'n-1' });

const { payload, protectedHeader } = await jwtVerify(got.access_token, keys, {
  ...access,
  subject: clientId,
  requiredClaims: ['jti', 'iat', 'exp', 'client_id', 'scope', 'organization_id'],
  maxTokenAge: '1m',
});
assert.ok(protectedHeader.kid);
assert.equal(payload.client_id, clientId);
assert.deepEqual(payload.scope.split(' ').sort(), ['agents:read', 'openid']);

const who = (await jwtVerify(got.id_token, keys, { ...identity, subject: clientId })).payload;
assert.equal(who.nonce, 'n-1');
assert.equal(who.agent_id, clientId);

const there = await grant({ resource: `${issuer}/mcp` });
await jwtVerify(there.access_token, keys, { ...access, audience: `${issuer}/mcp` });

async function refuses(code, token, options, why) {
  await assert.rejects(jwtVerify(token, keys, options), { code }, why);
}

const failed = 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED';
const claim = 'ERR_JWT_CLAIM_VALIDATION_FAILED';
await refuses(failed, tampered(got.access_token, 1), access, 'other claims');
await refuses(failed, tampered(got.access_token, 2), access, 'another signature');
await refuses(failed, tampered(got.id_token, 1), identity, 'other claims of the id token');
await refuses(claim, there.access_token, access, 'another audience');
await refuses(claim, got.id_token, { ...access, audience: clientId }, 'the type of an id token');
await refuses('ERR_JOSE_ALG_NOT_ALLOWED', got.access_token, { ...access, algorithms: ['ES256'] });
assert.notEqual(decodeJwt(got.access_token).jti, decodeJwt(there.access_token).jti);
