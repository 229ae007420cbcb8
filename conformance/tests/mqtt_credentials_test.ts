import { assert, assertEquals, assertFalse } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inspect } from "node:util";
import { type Logger, MMQTTStateError, type MQTTOptions, UsageError } from "@minimqtt/client";
import { toHex } from "../src/bytes.ts";
import { throwsWith } from "./assertions.ts";
import { dialling } from "./dialling.ts";
import { online, type Stage, stage } from "./stage.ts";

type Options = Partial<MQTTOptions<unknown, false>>;

/** The next CONNECT of a client; the connection is closed again. */
async function connectOf({ client, broker, clock }: Stage): Promise<string> {
  const connecting = clock.run(client.connect());
  await broker.accept();
  const packet = await broker.packet();
  await broker.send("20020000");
  await connecting;
  await clock.run(client.disconnect());
  return packet;
}

/** The CONNECT of client `golden` with these flags and these fields behind its identifier. */
function connectWith(flags: string, fields = ""): string {
  const length = (18 + fields.length / 2).toString(16).padStart(2, "0");
  return `10${length}00044d51545404${flags}003c0006676f6c64656e${fields}`;
}

const USER_PASS = "000475736572000470617373";

/** Both ways to give credentials, which have the same checks. */
const WAYS: Record<string, (username: unknown, password?: unknown) => Stage> = {
  "new MQTT()": (username, password) => stage({ username, password } as Options),
  "usernamePwSet()": (username, password) => {
    const scene = stage();
    scene.client.usernamePwSet(username as string, password as string);
    return scene;
  },
};

for (const [way, give] of Object.entries(WAYS)) {
  describe(`${way}: user name and password`, () => {
    it(`${way} sends both (MM-060)`, async () => {
      assertEquals(await connectOf(give("user", "pass")), connectWith("c2", USER_PASS));
    });

    it(`${way} sends empty ones as empty fields (MM-061)`, async () => {
      assertEquals(await connectOf(give("", "")), connectWith("c2", "00000000"));
      assertEquals(await connectOf(give("user", "")), connectWith("c2", "0004757365720000"));
      assertEquals(await connectOf(give("")), connectWith("82", "0000"));
    });

    it(`${way} sends a user name alone, without password flag and field (MM-062)`, async () => {
      const packet = "101800044d5154540482003c0006676f6c64656e000475736572";
      assertEquals(await connectOf(give("user")), packet);
      assertEquals(await connectOf(give("user", null)), packet);
    });

    it(`${way} refuses a password without user name (MM-063)`, () => {
      for (const username of [undefined, null]) {
        for (const password of ["pass", "", new Uint8Array(0)]) {
          throwsWith(() => give(username, password), UsageError, "Password requires a username");
        }
      }
    });

    it(`${way} takes a password of bytes, and copies it (MM-060)`, async () => {
      const password = Uint8Array.of(0, 255);
      const scene = give("user", password);
      password.fill(7);
      assertEquals(await connectOf(scene), connectWith("c2", "000475736572000200ff"));
    });

    it(`${way} refuses a password or user name over 65535 bytes (MM-006, MM-007)`, async () => {
      for (const long of ["x".repeat(65_536), "€".repeat(21_846)]) {
        throwsWith(() => give("user", long), UsageError, "Password length is too large.");
        throwsWith(() => give(long, "pass"), UsageError, "Username length is too large.");
      }
      const bytes = new Uint8Array(65_536);
      throwsWith(() => give("user", bytes), UsageError, "Password length is too large.");
      const longest = "x".repeat(65_535);
      assertEquals((await connectOf(give(longest, longest))).length / 2, 1 + 3 + 18 + 2 * 65_537);
    });

    it(`${way} refuses what CONNECT cannot carry (MM-078)`, () => {
      for (const username of ["a\0", "a\ud800", 5, {}]) {
        throwsWith(() => give(username), UsageError, /^The username /);
      }
      for (const password of ["\ud800", 5, {}, [1], true]) {
        const text = /password/;
        throwsWith(() => give("user", password), UsageError, text);
      }
    });
  });
}

describe("usernamePwSet(): when", () => {
  it("usernamePwSet() is refused while connected, allowed after a loss (MM-064)", async () => {
    const { client, broker, clock } = await online();
    const text = "This method must be called before connect().";
    throwsWith(() => client.usernamePwSet("user", "pass"), MMQTTStateError, text);
    await broker.close();
    await clock.run(client.loop(1)).catch(() => {});
    client.usernamePwSet("user", "pass");
  });

  it("usernamePwSet() without a password clears it, without anything clears both (MM-065)", async () => {
    const scene = stage({ username: "user", password: "pass" });
    assertEquals(await connectOf(scene), connectWith("c2", USER_PASS));
    scene.client.usernamePwSet("user");
    assertEquals(await connectOf(scene), connectWith("82", "000475736572"));
    scene.client.usernamePwSet("user", "pass");
    scene.client.usernamePwSet();
    assertEquals(await connectOf(scene), connectWith("02"));
  });

  it("usernamePwSet() that refuses leaves everything as it was (MM-065)", async () => {
    const scene = stage({ username: "user", password: "pass" });
    throwsWith(() => scene.client.usernamePwSet(null, "other"), UsageError, /./);
    assertEquals(await connectOf(scene), connectWith("c2", USER_PASS));
  });
});

describe("connect(): lengths are lengths in bytes", () => {
  it("connect() counts bytes in identifier, user name, password and will (MM-066)", async () => {
    for (const text of ["é", "€", "😀", "a\u0301", "\ufeff"]) {
      const bytes = toHex(new TextEncoder().encode(text));
      const field = `${(bytes.length / 2).toString(16).padStart(4, "0")}${bytes}`;
      const scene = stage({ clientId: text, username: text, password: text });
      scene.client.willSet(text, text);
      const fields = field.repeat(5);
      const length = (10 + fields.length / 2).toString(16).padStart(2, "0");
      assertEquals(await connectOf(scene), `10${length}00044d51545404c6003c${fields}`);
    }
  });

  it("publish() counts bytes in topic and message (MM-066)", async () => {
    const { client, broker, clock } = await online();
    await clock.run(client.publish("té", "héllo"));
    await broker.expect("300b000374c3a968c3a96c6c6f");
    await clock.run(client.publish("😀", "€"));
    await broker.expect("30090004f09f9880e282ac");
  });
});

describe("new MQTT(): credentials in the URL", () => {
  it("new MQTT() takes user name and password from the broker's URL (MM-227)", async () => {
    const connect = (broker: string, options: Options = {}) => connectOf(stage({ broker, ...options }));
    assertEquals(await connect("mqtt://user:pass@h"), connectWith("c2", USER_PASS));
    assertEquals(await connect("mqtt://user@h"), connectWith("82", "000475736572"));
    assertEquals(await connect("mqtt://%C3%A9:%2F%40@h"), connectWith("c2", "0002c3a900022f40"));
    const given = { username: "user", password: "pass" };
    assertEquals(await connect("mqtt://other:secret@h", given), connectWith("c2", USER_PASS));
  });

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
