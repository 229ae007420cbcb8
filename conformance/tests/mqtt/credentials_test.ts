import { assert, assertFalse } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inspect } from "node:util";
import { type Logger, type MQTTOptions, UsageError } from "@minimqtt/client";
import { throwsWith } from "../assertions.ts";
import { dialling } from "./dialling.ts";
import { stage } from "./stage.ts";

type Options = Partial<MQTTOptions<unknown, false>>;

describe("new MQTT(): credentials in the URL", () => {
  it("new MQTT() refuses a URL with a password alone, or that does not decode (MM-063)", () => {
    const text = "Password requires a username";
    throwsWith(() => stage({ broker: "mqtt://:secret@h" }), UsageError, text);
    for (const broker of ["mqtt://user:secret%zz@h", "mqtt://user:%ffsecret@h", "mqtt://secret%@h"]) {
      const error = throwsWith(() => stage({ broker }), UsageError, /^broker must be/);
      assertFalse(inspect(error, { depth: 9, showHidden: true }).includes("secret"));
    }
  });
});

describe("connect(): secrets stay secret", () => {
  const SECRET = "tops3cret";
  const url = `mqtt://user:${SECRET}@broker.test:1884`;

  /** Everything that anyone could print of what happens, connecting in every way that goes wrong. */
  async function everythingPrinted(options: Options): Promise<string> {
    const printed: unknown[] = [];
    const record = (...args: unknown[]) => void printed.push(...args);
    const logger: Logger = { debug: record, info: record, warning: record, error: record, critical: record };
    const endings = ["20020003", "20020004", "20020005", "20020006", "d000", "", "20020000"];
    for (const [i, ending] of [...endings, "dial"].entries()) {
      const scene = dialling(
        { ...options, connectRetries: 2, recvTimeout: 2 },
        (attempt) => ending === "dial" || (i % 2 === 0 && attempt === 1) ? new Error("refused") : undefined,
      );
      const { client, broker, clock } = scene;
      client.enableLogger(logger, 10);
      printed.push(client, options.transport);
      const again = (): Promise<void> => broker.welcome(ending).then(again);
      again().catch(() => {});
      await clock.run(client.connect()).catch(record);
      if (client.isConnected()) {
        client.onMessage = () => {};
        await clock.run(client.publish("t", SECRET)).catch(record);
        await clock.run(client.publish("t", SECRET, false, 1)).catch(record);
        await clock.run(client.reconnect()).catch(record);
        await broker.send("300c000174746f70733363726574").catch(record);
        await clock.run(client.loop(1)).catch(record);
        await clock.run(client.disconnect()).catch(record);
      }
    }
    return printed.map((thing) => `${String(thing)}\n${inspect(thing, { depth: 20, showHidden: true })}`)
      .join("\n");
  }

  it("connect() lets no log line and no error hold the password, nor a message (MM-067)", async () => {
    const bytes = new TextEncoder().encode(SECRET);
    for (
      const options of [
        { username: "user", password: SECRET },
        { username: "user", password: bytes },
        { broker: url },
      ]
    ) {
      const printed = await everythingPrinted(options);
      assert(printed.includes("Connection Refused") && printed.includes("refused"), "nothing was printed");
      assertFalse(printed.includes(SECRET), printed);
      assertFalse(printed.includes("116, 111, 112, 115"), printed);
    }
  });

  it("new MQTT() that refuses does not repeat the password, nor the URL it is in (MM-067)", () => {
    const cases: Record<string, unknown>[] = [
      { broker: `mqtt://user:${SECRET}@h:99999` },
      { broker: `mqtt://user:${SECRET}@` },
      { broker: `mqtt://user:${SECRET}%zz@h` },
      { broker: `mqtt://:${SECRET}@h` },
      { broker: `wss://user:${SECRET}@h` },
      { broker: `user:${SECRET}@h` },
      { broker: `mqtt:/user:${SECRET}@h:1883` },
      { broker: url, isSsl: true },
      { broker: url, port: -1 },
      { broker: url, keepAlive: -1 },
      { password: SECRET },
      { username: "user", password: `${SECRET}\ud800` },
      { username: "user", password: SECRET.repeat(8000) },
      { username: "a\0", password: SECRET },
    ];
    for (const options of cases) {
      const error = throwsWith(() => dialling(options as Options), UsageError, /./);
      const printed = `${error}\n${error.stack}\n${inspect(error, { depth: 20, showHidden: true })}`;
      assertFalse(printed.includes(SECRET), printed);
    }
  });
});
