// What the scripts share: what the flow hands over, and plain HTTP. A script that ends well has
// proved what it says; each deviation throws.
import assert from 'node:assert/strict';

export { assert };

export const issuer = process.env.INTEROP_URL;
export const clientId = process.env.INTEROP_CLIENT;
export const clientSecret = process.env.INTEROP_SECRET;

/** Basic as RFC 6749, section 2.3.1 has it, of our own making. */
const basic = 'Basic ' + Buffer.from(`${clientId}:${clientSecret}`).toString('base64');

/** A grant asked for without any library. */
export async function grant(parameters = {}) {
  const reply = await fetch(`${issuer}/api/v1/token`, {
    method: 'POST',
    headers: { authorization: basic },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters }),
  });
  const body = await reply.json();
  assert.equal(reply.status, 200, JSON.stringify(body));
  return body;
}

/** The status of a request that needs an access token. */
export async function use(token) {
  const reply = await fetch(`${issuer}/api/v1/agents`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await reply.arrayBuffer();
  return reply.status;
}

/** The token with one letter of its part (0 head, 1 claims, 2 signature) changed. */
export function tampered(token, part) {
  const parts = token.split('.');
  const middle = parts[part].length >> 1;
  const other = parts[part][middle] === 'A' ? 'B' : 'A';
  parts[part] = parts[part].slice(0, middle) + other + parts[part].slice(middle + 1);
  return parts.join('.');
}
