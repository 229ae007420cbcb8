import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Status, StatusBoard } from "./status.ts";

const connecting = (attempt: number): Status => ({
  state: "connecting",
  broker: "b:1",
  attempt,
  text: `${attempt}`,
});
const closed: Status = { state: "closed", error: null, givenUp: 0, text: "closed" };

describe("StatusBoard", () => {
  it("tells the present, then every change, and ends behind closed", async () => {
    const board = new StatusBoard();
    board.set(connecting(1));
    const reader = board.read();
    board.set(connecting(2));
    board.set(closed);
    const texts: string[] = [];
    for await (const { text } of reader) texts.push(text);
    assertEquals(texts, ["1", "2", "closed"]);
    assertEquals(board.current, closed);
  });

  it("wakes who waits, and ends one who is told to return", async () => {
    const board = new StatusBoard();
    board.set(connecting(1));
    const reader = board.read();
    await reader.next();
    const next = reader.next();
    board.set(connecting(2));
    assertEquals((await next).value, connecting(2));
    const last = reader.next();
    await reader.return!();
    assertEquals(await last, { done: true, value: undefined });
    board.set(closed);
    assertEquals(await reader.next(), { done: true, value: undefined });
  });

  it("settles all that wait, each with a change of its own", async () => {
    const board = new StatusBoard();
    board.set(connecting(1));
    const reader = board.read();
    await reader.next();
    const both = [reader.next(), reader.next()];
    board.set(connecting(2));
    assertEquals((await both[0])?.value, connecting(2));
    board.set(closed);
    assertEquals((await both[1])?.value, closed);
    const after = [reader.next(), reader.next()];
    assertEquals((await Promise.all(after)).map(({ done }) => done), [true, true]);
  });

  it("keeps the latest 64 for one who does not look", async () => {
    const board = new StatusBoard();
    board.set(connecting(1));
    const reader = board.read();
    for (let attempt = 2; attempt <= 100; attempt++) board.set(connecting(attempt));
    assertEquals((await reader.next()).value, connecting(37));
  });
});
