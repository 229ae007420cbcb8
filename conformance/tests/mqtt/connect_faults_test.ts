import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, type MqttError, ProtocolError, UsageError } from "@minimqtt/client";
import { rejectsWith } from "../assertions.ts";
import { dialling, type DiallingStage } from "./dialling.ts";

/** Connects once, to a broker that answers CONNECT with these bytes; gives the error. */
async function refused(
  { client, broker, clock, open }: DiallingStage,
  hex: string,
  text: string | RegExp,
  cleanSession = true,
): Promise<MMQTTException> {
  const [error] = await Promise.all([
    rejectsWith(clock.run(client.connect(cleanSession)), MMQTTException, text),
    broker.welcome(hex),
  ]);
  await broker.expectEnd();
  assertFalse(client.isConnected());
  assertEquals([open(), clock.armed], [0, 0]);
  return error;
}

describe("connect(): what is no CONNACK", () => {
  it("connect() rejects garbage at its first two bytes (MM-033, MM-220)", async () => {
    const garbage = [
      "0000",
      "c000",
      "e000",
      "f000",
      "101200044d51",
      "485454502f312e312034303020", // an answer by HTTP
      "5353482d322e302d", // an SSH server
      "80".repeat(100),
    ];
    for (const hex of garbage) {
      const scene = dialling();
      const error = await refused(scene, hex, /./);
      assert(error.cause instanceof ProtocolError, String(error.cause));
      assertEquals([scene.clock.now(), scene.addresses.length], [0, 1]);
    }
  });

  it("connect() says of an alert of TLS that the port speaks TLS, and tries no second time (MM-199)", async () => {
    const scene = dialling();
    const error = await refused(scene, "15030300020246", /the broker speaks TLS at this port: use tls\(\)/);
    assert(error.cause instanceof ConnectionError);
    assertEquals([error.cause.code, scene.addresses.length], ["tls-expected", 1]);
  });

  it("connect() hints at TLS where a plain connection to port 8883 gets no answer (MM-199)", async () => {
    for (const [port, hint] of [[8883, true], [1883, false]] as const) {
      const scene = dialling({ connectRetries: 1, port });
      const connecting = scene.clock.run(scene.client.connect()).catch((error) => error);
      await scene.broker.accept();
      await scene.broker.packet();
      await scene.broker.close();
      const { cause } = await connecting;
      assertEquals([String(cause).includes("port 8883 is for TLS"), cause.cause.code], [hint, "closed"]);
    }
  });

  it("connect() survives whatever bytes come, with and without a CONNACK before them (MM-033, MM-223)", async () => {
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 500; round++) {
      const scene = dialling({ connectRetries: 1, recvTimeout: 2 });
      const { client, broker, clock, open } = scene;
      const bytes = Array.from({ length: 1 + random(12) }, () => random(256).toString(16).padStart(2, "0"));
      const connack = round % 2 === 0 ? "20020000" : "";
      const running = clock.run(client.connect().then(() => client.loop(3))).then(
        () => null,
        (error) => error,
      );
      await broker.welcome(connack + bytes.join(""));
      await broker.close();
      const error = await running;
      assert(error instanceof MMQTTException && error.cause !== undefined, `${bytes.join("")}: ${error}`);
      assertEquals([open(), client.isConnected(), clock.armed], [0, false, 0], bytes.join(""));
    }
  });
});

describe("connect(): no answer", () => {
  it("connect() closes on every way of failing: twenty failures leave nothing open (MM-043, MM-208)", async () => {
    const answers = ["20020003", "20020005", "20020006", "2003000000", "d000", ""];
    for (let turn = 0; turn < 20; turn++) {
      const dials = turn % 4 === 3;
      const scene = dialling({ connectRetries: 1 }, () => dials ? new Error("refused") : undefined);
      const failing = rejectsWith(scene.clock.run(scene.client.connect()), MMQTTException, /./);
      if (!dials) await scene.broker.welcome(answers[turn % answers.length]);
      await failing;
      assertEquals([scene.open(), scene.clock.armed], [0, 0]);
    }
  });
});

describe("connect(): errors of the transport", () => {
  it("connect() has the transport's error, and the runtime's behind it, as cause (MM-039)", async () => {
    const refusal = Object.assign(new Error("ECONNREFUSED"), { code: "ECONNREFUSED" });
    const failed = new ConnectionError("dial-failed", "h:1 refused the connection", { cause: refusal });
    const unknown = new ConnectionError("name-not-found", "no address found for host name h");
    for (const error of [failed, unknown]) {
      const { client, clock } = dialling({ connectRetries: 1 }, () => error);
      const { cause, code } = await rejectsWith(
        clock.run(client.connect()),
        MMQTTException,
        "Connect failure",
      );
      assert(cause instanceof MMQTTException);
      assertEquals([cause.message, code], [error.message, null]);
      assertStrictEquals(cause.cause, error);
    }
  });

  it("connect() takes an error of a transport that knows no ConnectionError for a failed dial (MM-037)", async () => {
    const error = new TypeError("fetch failed");
    const { client, clock, addresses } = dialling({ connectRetries: 3 }, () => error);
    const { cause } = await rejectsWith(
      clock.run(client.connect()),
      MMQTTException,
      "Repeated connect failures",
    );
    const behind = (cause as MMQTTException).cause as MqttError;
    assertEquals([behind.code, behind.message], ["dial-failed", "connecting to broker.test:1883 failed"]);
    assertStrictEquals(behind.cause, error);
    assertEquals(addresses.length, 3);
  });

  it("connect() rejects at once with a UsageError of the transport (MM-197)", async () => {
    const error = new UsageError("invalid-argument", "no certificate");
    const { client, clock, addresses } = dialling({ connectRetries: 3 }, () => error);
    assertStrictEquals(await clock.run(client.connect()).catch((error) => error), error);
    assertEquals(addresses.length, 1);
  });
});
