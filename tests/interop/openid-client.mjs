// openid-client: the wrapper that people use, from discovery to a call of the API.
import * as client from 'openid-client';
import { assert, clientId, clientSecret, issuer, use } from './common.mjs';

const ways = [
  ['oauth2', undefined],
  ['oauth2', client.ClientSecretBasic(clientSecret)],
  ['oidc', client.ClientSecretPost(clientSecret)],
];

for (const [algorithm, proof] of ways) {
  const config = await client.discovery(new URL(issuer), clientId, clientSecret, proof, {
    algorithm,
    execute: [client.allowInsecureRequests],
  });
  assert.equal(config.serverMetadata().issuer, issuer);

  const got = await client.clientCredentialsGrant(config, { scope: 'openid agents:read' });
  assert.equal(got.claims().sub, clientId);
  assert.ok(got.expiresIn() > 3590);
  assert.equal((await client.tokenIntrospection(config, got.access_token)).active, true);

  const api = new URL(`${issuer}/api/v1/agents`);
  const reply = await client.fetchProtectedResource(config, got.access_token, api, 'GET');
  assert.equal(reply.status, 200);
  assert.ok(Array.isArray((await reply.json()).data));

  await client.tokenRevocation(config, got.access_token);
  assert.deepEqual(await client.tokenIntrospection(config, got.access_token), { active: false });
  assert.equal(await use(got.access_token), 401);
  await assert.rejects(client.clientCredentialsGrant(config, { scope: 'nonsense' }), {
    error: 'invalid_scope',
    status: 400,
  });
}
