// What a bundle with us weighs: minified by esbuild, then gzip -9, in bytes. `npm run size`; fails over the limit.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "./workspace.ts";

interface Bundle {
  readonly name: string;
  readonly source: string;
  /** Without them there is nothing to measure. */
  readonly needs: readonly string[];
  /** Three hundredths above what it weighed when this was set, so that an error text can be made better. */
  readonly limit?: number;
  /** Of which nothing may be in it: a bundler drops what is not imported. */
  readonly without?: readonly string[];
}

const bundles: readonly Bundle[] = [
  ...([["Node", "node", 22_070], ["Deno", "deno", 21_550]] as const).map(([runtime, entry, limit]) => ({
    name: `MQTT + tcp for ${runtime}`,
    source:
      `export { MQTT } from "@minimqtt/client"; export { tcp } from "@minimqtt/transport-tcp/${entry}";`,
    needs: ["packages/client/src/mod.ts", `packages/transport-tcp/src/${entry}.ts`],
    limit,
  })),
  {
    name: "MQTT + tcp for every runtime",
    source: 'export { MQTT } from "@minimqtt/client"; export { tcp } from "@minimqtt/transport-tcp";',
    needs: ["packages/client/src/mod.ts", "packages/transport-tcp/src/mod.ts"],
    limit: 22_550,
  },
  {
    name: "MQTT + ws",
    source: 'export { MQTT } from "@minimqtt/client"; export { ws } from "@minimqtt/transport-ws";',
    needs: ["packages/client/src/mod.ts", "packages/transport-ws/src/mod.ts"],
    limit: 22_960,
    without: [
      "packages/client/src/client/client.ts",
      "packages/client/src/client/sender.ts",
      "packages/client/src/client/lifeline.ts",
    ],
  },
  {
    name: "Client + ws",
    source: 'export { Client } from "@minimqtt/client"; export { ws } from "@minimqtt/transport-ws";',
    needs: ["packages/client/src/client/client.ts", "packages/transport-ws/src/mod.ts"],
    limit: 29_230,
    without: [
      "packages/client/src/mqtt/mqtt.ts",
      "packages/client/src/mqtt/exceptions.ts",
      "packages/client/src/mqtt/call.ts",
    ],
  },
  {
    name: "Client + ws with MQTT 5",
    source:
      'export { Client } from "@minimqtt/client"; export { ws } from "@minimqtt/transport-ws"; export { v5 } from "@minimqtt/core";',
    needs: ["packages/core/src/v5/mod.ts"],
    limit: 34_610,
  },
  {
    name: "core alone",
    source: 'export * from "@minimqtt/core";',
    needs: ["packages/core/src/mod.ts"],
  },
];

for (const { name, source, needs, limit, without = [] } of bundles) {
  const absent = needs.find((file) => !existsSync(join(root, file)));
  if (absent !== undefined) {
    console.log(`${name}: not measured, there is no ${absent}`);
    continue;
  }
  const { minified, zipped, largest, files } = await measure(source);
  const tooBig = limit !== undefined && zipped > limit;
  const note = limit === undefined ? "" : ` (limit ${limit}${tooBig ? ", EXCEEDED" : ""})`;
  console.log(`${name}: ${zipped} bytes${note}, ${minified} before gzip`);
  for (const stowaway of without.filter((file) => files.includes(file))) {
    console.log(`  ${stowaway} is in it, though nothing of it is imported`);
    process.exitCode = 1;
  }
  if (!tooBig) continue;
  console.log(`  of them: ${largest.join(", ")}`);
  process.exitCode = 1;
}

interface Measure {
  readonly minified: number;
  readonly zipped: number;
  readonly largest: readonly string[];
  /** All of which something is in it. */
  readonly files: readonly string[];
}

async function measure(source: string): Promise<Measure> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    external: ["node:*"],
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const bytes = outputFiles[0]?.contents ?? new Uint8Array();
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const files = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
  const largest = inputs.sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput).slice(0, 10)
    .map(([file, { bytesInOutput }]) => `${file} ${bytesInOutput}`);
  return { minified: bytes.length, zipped: gzipSync(bytes, { level: 9 }).length, largest, files };
}
