// jose while signing keys are replaced: a verifier that keeps the key set for a while, and never
// looks again for a key that it does not know, can verify every token. Says "ready" when a first
// token is verified; is told the ids of the new keys on its standard input, one a line; ends when
// the last of them signs.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { assert, grant, issuer, use } from './common.mjs';

const LANES = 4;
const PAUSE_MS = 20;
const KEEP_MS = 1000;
const end = Date.now() + Number(process.env.INTEROP_SECONDS) * 1000;

const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
  cacheMaxAge: KEEP_MS,
  cooldownDuration: Infinity,
});
const options = { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['RS256'] };
const told = [];
const signed = new Map();
const failures = [];
let verified = 0;
let complete = false;

createInterface({ input: process.stdin })
  .on('line', (kid) => told.push(kid))
  .on('close', () => (complete = true));

const isOver = () => complete && signed.has(told.at(-1));

async function once() {
  const { access_token: token } = await grant({ scope: 'agents:read' });
  try {
    const { kid } = (await jwtVerify(token, keys, options)).protectedHeader;
    signed.set(kid, (signed.get(kid) ?? 0) + 1);
    verified++;
  } catch (fault) {
    failures.push(`${fault.code}: ${fault.message}`);
  }
  const status = await use(token);
  if (status !== 200) failures.push(`the API answers ${status}`);
}

async function lane() {
  while (!isOver()) {
    assert.ok(Date.now() < end, `the last key does not sign: ${verified} by ${signed.size} keys`);
    await once();
    await new Promise((done) => setTimeout(done, PAUSE_MS));
  }
}

await once();
console.log('ready');
await Promise.all(Array.from({ length: LANES }, lane));

const fresh = told.filter((kid) => signed.has(kid)).length;
console.log(
  `${verified} tokens verified, ${failures.length} failures; ` +
    `${fresh} of ${told.length} new keys were seen to sign`,
);
assert.deepEqual(failures.slice(0, 5), []);
assert.ok(fresh >= told.length / 2, 'the keys were not replaced under load');
