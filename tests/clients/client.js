// client.js URL TOKEN - a client that is made of the daemon's own OpenAPI document plays a campaign: every operation is called
// by its name, with parameters and bodies as the document has them. What it needs of the npm registry is in NODE_PATH.
const assert = require('assert');
const { OpenAPIClientAxios } = require('openapi-client-axios');

async function main() {
  const [url, token] = process.argv.slice(2);
  const api = new OpenAPIClientAxios({
    definition: `${url}/v1/openapi.json`,
    withServer: { url },
    axiosConfigDefaults: { headers: { Authorization: `Bearer ${token}` }, timeout: 30000 },
  });
  const client = await api.init();
  const pool = 'a/b 100% \u{1f600}';

  assert.strictEqual((await client.create_pool(null, { pool })).data.name, pool);
  const reports = [];
  for (let i = 0; i < 20; i++) {
    reports.push({ item: `q/${i}`, labeler: 'good', value: i % 2 ? 0.9 : 0.1 });
    reports.push({ item: `q/${i}`, labeler: 'bad?', value: i % 2 ? 0.2 : 0.8 });
  }
  assert.strictEqual((await client.post_reports({ pool }, { reports })).data.accepted, 40);
  const outcomes = [];
  for (let i = 0; i < 15; i++) outcomes.push({ item: `q/${i}`, value: i % 2 });
  assert.strictEqual((await client.resolve_items({ pool }, { outcomes })).data.accepted, 15);
  assert.strictEqual((await client.close_items({ pool }, { items: ['q/15', 'q/16'] })).data.accepted, 2);
  assert.strictEqual((await client.void_items({ pool }, { items: ['q/17'] })).data.accepted, 1);

  const item = (await client.get_item({ pool, item: 'q/1', reports: true })).data;
  assert.strictEqual(item.state, 'resolved');
  assert.strictEqual(item.reports.length, 2);
  const { items, rejected } = (await client.query_items({ pool }, { items: ['q/18', 'none'] })).data;
  assert.strictEqual(items[0].state, 'open');
  assert.strictEqual(rejected[0].code, 'not-found');

  // Pages, up to their end.
  const feed = [];
  for (let cursor = '', more = true; more;) {
    const page = (await client.list_items({ pool, cursor, limit: 4 })).data;
    feed.push(...page.items);
    ({ next: cursor, more } = page);
  }
  assert.strictEqual(feed.length, 17);
  const { labelers } = (await client.list_labelers({ pool, sort: 'weight' })).data;
  assert.deepStrictEqual(labelers.map((l) => l.name), ['good', 'bad?']);
  assert.ok(labelers[0].weight > labelers[1].weight);
  const detail = (await client.get_labeler_history({ pool, labeler: 'bad?', limit: 3 })).data;
  assert.strictEqual(detail.history.length, 3);
  assert.strictEqual((await client.update_pool({ pool }, { settings: { entry: 0.5 } })).data.settings.entry, 0.5);
  assert.strictEqual((await client.get_pool({ pool })).data.resolved_items, 15);

  const made = (await client.create_token(null, { name: 'lab', grants: [{ pool, rights: ['report'] }] })).data;
  assert.match(made.secret, /^candor_/);
  const grant = { principal: 'token:lab', pool, rights: ['read', 'inspect'] };
  assert.strictEqual((await client.add_grant(null, grant)).data.accepted, 1);
  assert.strictEqual((await client.remove_grant({ ...grant, rights: 'read' })).data.accepted, 1);
  const { grants } = (await client.list_grants({ pool })).data;
  assert.deepStrictEqual(grants.find((g) => g.principal === 'token:lab').rights, ['report', 'inspect']);
  assert.strictEqual((await client.revoke_token({ name: 'lab' })).data.accepted, 1);
  assert.ok((await client.list_events({ pool })).data.events.length > 0);

  // A problem is one.
  const refused = await client.get_pool({ pool: 'none' }).catch((error) => error.response);
  assert.strictEqual(refused.status, 404);
  assert.strictEqual(refused.data.code, 'NOT_FOUND');
  return `${api.getOperations().length} operations`;
}

main().then((said) => console.log(said), (error) => {
  console.log(error.response ? `${error.response.status} ${JSON.stringify(error.response.data)}\n${error.stack}` : error.stack);
  process.exit(1);
});
