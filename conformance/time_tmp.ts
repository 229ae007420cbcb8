import { transportCases } from "./src/transport_suite.ts";
import { fixture as t } from "./src/fixtures/tcp.ts";
import { fixture as m } from "./src/fixtures/memory.ts";
for (const f of [m, t]) {
  const rows: [number, string][] = [];
  const s = performance.now();
  for (const c of transportCases(f)) {
    const a = performance.now();
    if (!c.skip) await c.run().catch((e) => console.log(c.id, e.message));
    else console.log("skip", c.id, c.skip);
    rows.push([Math.round(performance.now() - a), c.id + " " + c.name]);
  }
  console.log(f.transport.name, Math.round(performance.now() - s));
  rows.sort((a, b) => b[0] - a[0]);
  for (const r of rows.slice(0, 12)) console.log(...r);
}
