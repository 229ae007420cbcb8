/**
 * The table "From MQTT.js" in the README of the package: both sides of each row are run as they stand there, against
 * the same broker, and must do the same.
 */
import { Client, type ReceivedMessage } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import mqtt from "mqtt";
import { readFileSync } from "node:fs";
import { type Mosquitto, mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { repository } from "../programs/programs.ts";

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

interface Rule {
  /** What others publish while the row runs: topic, payload, and how many lines are logged behind it. */
  readonly published: readonly (readonly [string, string, number])[];
  /** What both sides must log. */
  readonly logged: readonly (readonly unknown[])[];
}

interface Played {
  readonly logged: unknown[][];
  readonly published: string[];
}

const NOTHING: Rule = { published: [], logged: [] };
const rules: readonly (readonly [row: RegExp, rule: Rule])[] = [
  [/log\("done"\)/, { published: [], logged: [["done"]] }],
  [/log\(topic, payload\.toString/, {
    published: [["a/1", "one", 1], ["b", "no", 1], ["a/2", "two", 2]],
    logged: [["a/1", "one"], ["a/2", "two"]],
  }],
  [/log\(topic, payload\.length/, { published: [["a/1", "one", 1]], logged: [["a/1", 3]] }],
  [/\(topic\) => log\(topic\)/, {
    published: [["a/1", "", 1], ["a/3", "", 1], ["a/2", "", 2]],
    logged: [["a/1"], ["a/2"]],
  }],
  [/qos, retain, dup/, { published: [["a/1", "", 1]], logged: [[0, false, false]] }],
  [/JSON\.parse/, { published: [["a/1", '{"on":true}', 1]], logged: [[{ on: true }]] }],
  [/granted/, { published: [], logged: [[2]] }],
  [/handleMessage/, { published: [["a/1", "", 1], ["a/2", "", 2]], logged: [["a/1 done"], ["a/2 done"]] }],
  [/client\.connected/, { published: [], logged: [[true]] }],
  [/"close"/, { published: [], logged: [["closed"]] }],
];

const rows = [
  ...readFileSync(repository("packages/client/README.md"), "utf8").matchAll(/^\| `(.*)` +\| `(.*)` +\|$/gm),
]
  .map(([, left, right]) => [left!, right!] as const);

/** What the two clients have in common, as far as it is needed here. */
interface AnyClient {
  readonly options?: { readonly clientId: string };
  publish(topic: string, message: string): unknown;
  end?(force: boolean): void;
  close?(): unknown;
}

describe("the table from MQTT.js", () => {
  let broker: Mosquitto;
  let witness: Client;
  beforeAll(async () => {
    if (missing !== null) return;
    broker = await startMosquitto();
    witness = await Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp() });
  });
  afterAll(async () => {
    await witness?.close();
    await broker?.stop();
  });

  /** Runs one side, and gives what it logged and what it published. */
  async function play(
    code: string,
    connect: () => Promise<AnyClient>,
    rule: Rule,
    row: number,
  ): Promise<Played> {
    const logged: unknown[][] = [];
    const published: string[] = [];
    const log = (...values: unknown[]) => {
      // What others publish is repeated until it is seen.
      if (JSON.stringify(values) !== JSON.stringify(logged.at(-1))) logged.push(values);
    };
    const work = async (topic: string) => log(`${await Promise.resolve(topic)} done`);
    const makes = code.startsWith("const client");
    const publishes = makes || code.includes(".publish");
    const { port } = broker;
    const scope = { mqtt, Client, transport: tcp(), url: `mqtt://127.0.0.1:${port}`, port, log, work };
    const given: Record<string, unknown> = makes ? scope : { ...scope, client: await connect() };
    const body = `return (async () => { ${code}; return client; })()`;
    const onMessage = ({ topic, retain, payload }: ReceivedMessage) => {
      const line = `${topic} ${payload}`;
      if (!retain && !published.includes(line)) published.push(line);
    };
    const watching = await witness.subscribe(["t", "gone", `row/${row}`], { onMessage });
    const running = new Function(...Object.keys(given), body)(...Object.values(given)) as Promise<AnyClient>;
    const client = makes ? await running : given["client"] as AnyClient;
    running.catch((error) => log("failed", error));
    for (const [topic, payload, lines] of rule.published) {
      await until(async () => {
        await witness.publish(topic, payload, { qos: 1 });
        return logged.length >= lines;
      });
    }
    if (!code.includes("for await")) await running;
    await until(() => {
      if (makes) client.publish(`row/${row}`, "hello");
      return logged.length >= rule.logged.length && (!publishes || published.length > 0);
    });
    if (code.includes("will:")) {
      await takeOver(client instanceof Client ? client.clientId : client.options!.clientId);
      await until(() => published.length > 1);
    }
    client.end?.(true);
    await client.close?.();
    await watching.unsubscribe();
    return { logged, published: published.sort() };
  }

  /** Another client of the same identifier: the broker drops the first one as lost. */
  async function takeOver(clientId: string): Promise<void> {
    const other = await Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp(), clientId });
    await other.close();
  }

  const ours = () =>
    Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp() }) as Promise<AnyClient>;
  const theirs = () => mqtt.connectAsync(`mqtt://127.0.0.1:${broker.port}`) as unknown as Promise<AnyClient>;

  it("has rows", () => assertEquals(rows.length >= 25, true, `${rows.length}`));

  rows.forEach(([left, right], row) => {
    const rule = rules.find(([pattern]) => pattern.test(left))?.[1] ?? NOTHING;
    test(`${left}${reason}`, async () => {
      const before = await play(left, theirs, rule, row);
      const after = await play(right, ours, rule, row);
      assertEquals(after, before);
      assertEquals(after.logged, rule.logged as unknown[][]);
    });
  });
});

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 10_000;
  while (!await happened()) {
    if (Date.now() > limit) throw new Error("it has not happened within ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
