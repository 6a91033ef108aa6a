// lint.js FILE - holds an OpenAPI document against Redocly's recommended rules; each problem is a line. Exit status 1 if there is
// any. What it needs of the npm registry is in NODE_PATH.
const { createConfig, lint } = require('@redocly/openapi-core');

async function main() {
  const config = await createConfig({ extends: ['recommended-strict'] });
  const problems = await lint({ ref: process.argv[2], config });
  for (const p of problems) {
    console.log(`${p.severity}: ${p.ruleId}: ${p.message} at ${p.location.map((l) => l.pointer).join(', ')}`);
  }
  console.log(`${problems.length} problems`);
  return problems.length > 0 ? 1 : 0;
}

main().then((status) => process.exit(status));
