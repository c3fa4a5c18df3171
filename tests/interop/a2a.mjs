// @a2a-js/sdk of A2A 1.0, and of 0.3: the card is found, a message goes to an agent and its answer
// comes back, at once and as a stream; tasks are read; errors are understood.
import { randomUUID } from 'node:crypto';
import {
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from '@a2a-js/sdk/client';
import * as old from 'a2a03/client';
import { assert } from './common.mjs';

const base = process.env.INTEROP_URL + '/';
const agent = process.env.INTEROP_AGENT_TYPE;
const key = process.env.INTEROP_KEY;

const authorized = (url, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set('Authorization', `Bearer ${key}`);
  return fetch(url, { ...init, headers });
};

function factory(lib) {
  return new lib.ClientFactory(
    lib.ClientFactoryOptions.createFrom(lib.ClientFactoryOptions.default, {
      transports: [new lib.JsonRpcTransportFactory({ fetchImpl: authorized })],
      cardResolver: new lib.DefaultAgentCardResolver({ fetchImpl: authorized }),
    }),
  );
}

const v1 = { ClientFactory, ClientFactoryOptions, DefaultAgentCardResolver, JsonRpcTransportFactory };
const args = { agent_type: agent, skill_id: 'echo', args: { word: 'hi' } };

// 1.0
const c = await factory(v1).createFromUrl(base);
const message = () => ({
  message: {
    messageId: randomUUID(),
    role: 1,
    parts: [{ content: { $case: 'data', value: args } }],
  },
});
const sent = await c.sendMessage(message());
const task = sent.payload?.value ?? sent.task ?? sent;
assert.equal(task.status.state, 3, JSON.stringify(sent));
assert.equal(task.artifacts.length, 1);
assert.deepEqual((await c.getTask({ id: task.id })).id, task.id);
const seen = [];
for await (const event of c.sendMessageStream(message())) seen.push(event);
assert.equal(seen.length, 3, JSON.stringify(seen));
await assert.rejects(c.getTask({ id: randomUUID() }));
await assert.rejects(c.cancelTask({ id: task.id }));

// 0.3
const o = await factory(old).createFromUrl(base);
const said = () => ({
  message: {
    kind: 'message',
    messageId: randomUUID(),
    role: 'user',
    parts: [{ kind: 'data', data: args }],
  },
});
const answer = await o.sendMessage(said());
assert.equal(answer.kind, 'task');
assert.equal(answer.status.state, 'completed');
assert.equal((await o.getTask({ id: answer.id })).id, answer.id);
const kinds = [];
for await (const event of o.sendMessageStream(said())) kinds.push(event.kind);
assert.deepEqual(kinds, ['task', 'artifact-update', 'status-update']);
await assert.rejects(o.cancelTask({ id: answer.id }));
