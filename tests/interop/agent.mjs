// A whole agent in plain Node with ws: registers, dials in, answers dispatches, sends heartbeats,
// and comes back with growing pauses when its socket ends. Says a line for each thing that happens;
// ends when its standard input does.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import WebSocket from 'ws';

const base = process.env.INTEROP_URL;
const key = process.env.INTEROP_KEY;
const instance = process.env.INTEROP_INSTANCE;
const type = process.env.INTEROP_TYPE;
const BEAT_MS = 500;
const DELAYS_MS = [100, 200, 400, 800, 1600];
const DONT_RETRY = new Set([4400, 4409]);
const headers = { authorization: `Bearer ${key}` };

const keys = createRemoteJWKSet(new URL(`${base}/.well-known/jwks.json`));
const say = (...words) => console.log(words.join(' '));
let leaving = false;
let tries = 0;
let socket;

async function register() {
  const reply = await fetch(`${base}/agents/register`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ agent_type: type, instance_id: instance, agent_card: { name: type } }),
  });
  const body = await reply.json();
  if (reply.status !== 200) throw new Error(JSON.stringify(body));
  return body.connect_url;
}

const frame = (kind, payload, more = {}) =>
  JSON.stringify({
    v: 1,
    type: kind,
    id: crypto.randomUUID(),
    ts: new Date().toISOString(),
    ...more,
    payload,
  });

async function answer(ws, got) {
  const { skill_id: skill, args, svantic_auth: auth } = got.payload;
  try {
    const { payload } = await jwtVerify(auth.token, keys, {
      issuer: 'svantic-mesh',
      audience: `agent:${instance}`,
      algorithms: ['ES256', 'RS256', 'EdDSA'],
    });
    if (payload.dispatch_id !== got.id) throw new Error('the proof is for another dispatch');
    if (skill === 'throw') throw new Error('as was asked');
    ws.send(frame('dispatch_result', { result: { skill, args } }, { in_reply_to: got.id }));
  } catch (fault) {
    const payload = { code: 'HANDLER_ERROR', message: fault.message };
    ws.send(frame('error', payload, { in_reply_to: got.id }));
  }
}

function dial(url) {
  let beat;
  const ws = new WebSocket(url, ['svantic.v1'], { headers });
  socket = ws;
  ws.on('open', () =>
    ws.send(frame('hello', { instance_id: instance, agent_type: type, agent_card: {} })),
  );
  ws.on('message', (data) => {
    const got = JSON.parse(data);
    if (got.type === 'welcome') {
      tries = 0;
      say('ready');
      beat = setInterval(
        () => ws.send(frame('heartbeat', { status: 'available', current_sessions: 0 })),
        BEAT_MS,
      );
    } else if (got.type === 'dispatch') answer(ws, got);
  });
  ws.on('unexpected-response', (request, reply) => {
    say('refused', reply.statusCode);
    request.destroy();
    again(url);
  });
  ws.on('error', () => {});
  ws.on('close', (code, reason) => {
    clearInterval(beat);
    say('closed', code, String(reason));
    if (!leaving && !DONT_RETRY.has(code)) again(url);
  });
}

function again(url) {
  const delay = DELAYS_MS[Math.min(tries++, DELAYS_MS.length - 1)];
  setTimeout(() => dial(url), delay * (0.8 + 0.4 * Math.random()));
}

process.stdin.resume().on('end', () => {
  leaving = true;
  socket.close(1000, 'client_close');
  setTimeout(() => process.exit(0), 500);
});

dial(await register());
