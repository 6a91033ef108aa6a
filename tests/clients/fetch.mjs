// fetch.mjs URL TOKEN - Node's own fetch(), as a browser has it.
import assert from 'node:assert';

const [url, token] = process.argv.slice(2);

async function ask(method, path, body, headers = {}) {
  const options = { method, headers: { Authorization: `Bearer ${token}`, ...headers }, signal: AbortSignal.timeout(30000) };
  if (body !== undefined) {
    options.body = typeof body === 'object' && !(body instanceof ReadableStream) ? JSON.stringify(body) : body;
    options.headers['Content-Type'] ??= 'application/json';
    if (body instanceof ReadableStream) options.duplex = 'half';
  }
  return fetch(url + path, options);
}

const pool = encodeURIComponent('fetch/%');
assert.strictEqual((await ask('POST', '/v1/pools', { pool: 'fetch/%' })).status, 200);

// A stream of lines: chunked, of no known length.
const LINES = 5000;
let line = 0;
const lines = new ReadableStream({
  pull(controller) {
    const rows = [];
    for (let i = 0; i < 100 && line < LINES; i++, line++)
      rows.push(JSON.stringify({ item: `q${line % 500}`, labeler: `l${Math.floor(line / 500)}`, value: 0.5 }));
    controller.enqueue(new TextEncoder().encode(rows.join('\n') + '\n'));
    if (line === LINES) controller.close();
  },
});
const posted = await ask('POST', `/v1/pools/${pool}/reports`, lines, { 'Content-Type': 'application/x-ndjson' });
assert.strictEqual(posted.status, 200);
assert.deepStrictEqual(await posted.json(), { accepted: LINES, duplicates: 0, revised: 0, rejected: [] });

// Many at once, over as many connections as it likes; compressed where it is worth it.
const items = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
  const answer = await ask('GET', `/v1/pools/${pool}/items/q${i}?reports=true`);
  assert.strictEqual(answer.headers.get('content-type'), 'application/json');
  return answer.json();
}));
assert.ok(items.every((item, i) => item.item === `q${i}` && item.n === 10 && item.reports.length === 10));

const head = await ask('HEAD', `/v1/pools/${pool}`);
assert.strictEqual(head.status, 200);
assert.strictEqual(await head.text(), '');

const refused = await ask('GET', '/v1/pools/none');
assert.strictEqual(refused.status, 404);
assert.strictEqual(refused.headers.get('content-type'), 'application/problem+json');
assert.strictEqual((await fetch(`${url}/v1/pools`)).status, 401);

// The stream of events, as a body that is read piece by piece. It is cut off after so many and gone on with by Last-Event-ID,
// while items are being closed.
async function* events(after) {
  const cut = new AbortController();
  const headers = { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' };
  if (after) headers['Last-Event-ID'] = after;
  const patience = setTimeout(() => cut.abort(new Error('nothing more was heard')), 60000);
  const answer = await fetch(`${url}/v1/pools/${pool}/changes`, { headers, signal: cut.signal });
  assert.strictEqual(answer.status, 200);
  assert.strictEqual(answer.headers.get('content-type').split(';')[0], 'text/event-stream');
  let text = '';
  try {
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      const parts = (text + piece).split('\n\n');
      text = parts.pop();
      for (const part of parts) {
        const event = {};
        for (const [, name, value] of part.matchAll(/^([^:\n]+):? ?(.*)$/gm)) event[name] = value;
        if (event.data !== undefined) yield event;
      }
    }
  } finally {
    clearTimeout(patience);
    cut.abort();
  }
}

async function close() {
  for (let i = 0; i < 100; i++) {
    const closed = await ask('POST', `/v1/pools/${pool}/items:close`, { items: [`q${i}`, `q${i + 100}`] });
    assert.strictEqual((await closed.json()).accepted, 2);
  }
}

async function follow() {
  const heard = [];
  for (let last = ''; heard.length < 200;) {
    let n = 0;
    for await (const event of events(last)) {
      const row = JSON.parse(event.data);
      assert.strictEqual(event.event, 'closed');
      assert.strictEqual(event.id, row.cursor);
      last = event.id;
      heard.push(row.item);
      if (++n === 30 || heard.length === 200) break;
    }
  }
  return heard;
}

const [heard] = await Promise.all([follow(), close()]);
assert.deepStrictEqual(heard, Array.from({ length: 200 }, (_, i) => `q${i % 2 ? (i - 1) / 2 + 100 : i / 2}`));
console.log(`${LINES} lines, ${items.length} items, ${heard.length} events`);
