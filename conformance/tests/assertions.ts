/**
 * Assertions about errors: the very class, and the whole text.
 */
import { assertEquals, assertRejects, assertStrictEquals, assertThrows, fail } from "@std/assert";

type Class<E extends Error> = new (...args: never[]) => E;

/** Passes when the promise rejects with exactly this class, not a subclass, and exactly this text; gives the error. */
export async function rejectsWith<E extends Error>(
  promise: Promise<unknown>,
  errorClass: Class<E>,
  text: string | RegExp,
): Promise<E> {
  return check(await assertRejects(() => promise), errorClass, text);
}

/** The same for a call that throws at once. */
export function throwsWith<E extends Error>(
  action: () => unknown,
  errorClass: Class<E>,
  text: string | RegExp,
): E {
  return check(assertThrows(action), errorClass, text);
}

function check<E extends Error>(error: unknown, errorClass: Class<E>, text: string | RegExp): E {
  if (!(error instanceof errorClass)) return fail(`expected ${errorClass.name}, got ${String(error)}`);
  assertStrictEquals(error.constructor, errorClass);
  if (typeof text === "string") assertEquals(error.message, text);
  else if (!text.test(error.message)) fail(`expected ${text}, got ${error.message}`);
  return error;
}
