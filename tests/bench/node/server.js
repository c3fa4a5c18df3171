// A heartbeat as it is often written: look the token up, update one row, answer. One process a core.
const cluster = require('cluster');
const crypto = require('crypto');
const express = require('express');
const { Pool } = require('pg');

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS); i++) cluster.fork();
  const end = () => { for (const id in cluster.workers) cluster.workers[id].kill(); process.exit(0); };
  process.on('SIGTERM', end);
} else {
  const pool = new Pool({ max: 8 });
  const known = new Map();
  const app = express();

  async function agentOf(token) {
    const hash = crypto.createHash('sha256').update(token).digest();
    const key = hash.toString('hex');
    if (!known.has(key)) {
      const found = await pool.query({ name: 'token', text: 'SELECT id FROM agents WHERE token_hash = $1',
        values: [hash] });
      known.set(key, found.rows.length ? found.rows[0].id : null);
    }
    return known.get(key);
  }

  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json());
  app.post('/api/agents/:id/heartbeat', async (req, res) => {
    try {
      const id = await agentOf((req.headers.authorization || '').replace(/^Bearer /, ''));
      if (id !== req.params.id) return res.status(401).json({ error: 'no' });
      const done = await pool.query({ name: 'beat',
        text: 'UPDATE presence SET state = 0, reason = 1, last_activity = now(), last_heartbeat = now()'
          + ' WHERE agent_id = $1 RETURNING last_heartbeat', values: [id] });
      res.json({ heartbeat: 'accepted', agent: { id, status: 'online',
        last_heartbeat: done.rows[0].last_heartbeat } });
    } catch (fault) {
      res.status(503).json({ error: String(fault) });
    }
  });
  app.listen(Number(process.env.PORT), '127.0.0.1');
}
