import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeModule } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { getConnStatus, getSocket } from "./commands.ts";
import { SpiLink } from "./link.ts";
import { Session } from "./session.ts";
import { type Turn, Turns } from "./turns.ts";

describe("a turn on the bus", () => {
  it("is kept until its work has settled: others wait, in their order", async () => {
    const { turns, clock } = setUp();
    const order: string[] = [];
    const slow = turns.take(async (turn) => {
      await turn.value(getSocket);
      await clock.sleep(500);
      await turn.value(getSocket);
      order.push("slow");
    });
    await Promise.all([
      slow,
      ...["one", "two"].map((name) => turns.take(() => Promise.resolve(void order.push(name)))),
    ]);
    assertEquals(order, ["slow", "one", "two"]);
  });

  it("that asks for another one inside itself, and waits for it, rejects and gives the bus back", async () => {
    const { turns, module, clock } = setUp();
    const nested = turns.take(async (turn) => {
      await turn.value(getSocket);
      await turns.ask(getConnStatus);
    });
    const after = turns.ask(getSocket);
    await assertRejects(() => nested, Error, "pass the turn on");
    await after;
    // What was asked for inside is not done later either.
    await clock.sleep(5000);
    assertEquals(module.opcodes, [0x37, 0x3f, 0x3f]);
  });

  it("is over when its work has settled", async () => {
    const { turns } = setUp();
    let kept: Turn | undefined;
    await turns.take((turn) => Promise.resolve(void (kept = turn)));
    await assertRejects(() => kept!.value(getSocket), Error, "over");
  });

  it("that fails does not hold up the next one", async () => {
    const { turns } = setUp();
    const failing = turns.take(() => Promise.reject(new Error("no")));
    const next = turns.value(getSocket);
    await assertRejects(() => failing, Error, "no");
    assertEquals(await next, Uint8Array.of(1));
  });
});

function setUp() {
  const module = new FakeModule();
  const clock = new VirtualClock();
  const turns = new Turns(new Session(new SpiLink(module.bus, module.pins, clock), clock));
  return { turns, module, clock };
}
