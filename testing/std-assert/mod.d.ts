/**
 * Types of `@std/assert`, for the functions this project's tests use. `message` is put into the text of a failure.
 *
 * @module
 */

/** What every failed assertion throws. */
export class AssertionError extends Error {
  override name: "AssertionError";
  /** Takes the text of the failure. */
  constructor(message: string, options?: { cause?: unknown });
}

/** A constructor whose instances are `T`, abstract or not. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor<T = any> = abstract new (...args: any[]) => T;

/** A class of errors. */
export type ErrorClass<E extends Error = Error> = AnyConstructor<E>;

/** Passes when `condition` is truthy. */
export function assert(condition: unknown, message?: string): asserts condition;
/** Passes when `condition` is falsy. */
export function assertFalse(
  condition: unknown,
  message?: string,
): asserts condition is false | null | undefined | 0 | "" | 0n;
/** Always fails. */
export function fail(message?: string): never;

/** Passes when both are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
/** Passes when they are not deeply equal. */
export function assertNotEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
/** Passes when both are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T;
/** Passes when the value is neither `null` nor `undefined`. */
export function assertExists<T>(
  actual: T,
  message?: string,
): asserts actual is NonNullable<T>;
/** Passes when the value is an instance of the class. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  message?: string,
): asserts actual is InstanceType<T>;

/** Passes when `actual` > `expected`. */
export function assertGreater<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
/** Passes when `actual` >= `expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
/** Passes when `actual` < `expected`. */
export function assertLess<T>(actual: T, expected: T, message?: string): void;
/** Passes when `actual` <= `expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
/** Passes when both differ by at most `tolerance`: a ten-millionth of `expected` when absent. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void;

/** Passes when the text matches the pattern. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void;
/** Passes when the text contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  message?: string,
): void;
/** Passes when the array contains every element of `expected`, by deep equality, in any order. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message?: string,
): void;

/** Passes when `action` throws anything, and gives it. */
export function assertThrows(action: () => unknown, message?: string): unknown;
/** Passes when `action` throws an instance of `errorClass` whose message contains `messageIncludes`, and gives it. */
export function assertThrows<E extends Error = Error>(
  action: () => unknown,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): E;

/** Passes when the promise of `action` rejects with anything, and gives it. Fails when `action` itself throws. */
export function assertRejects(
  action: () => PromiseLike<unknown>,
  message?: string,
): Promise<unknown>;
/**
 * Passes when the promise of `action` rejects with an instance of `errorClass` whose message contains
 * `messageIncludes`, and gives it. Fails when `action` itself throws.
 */
export function assertRejects<E extends Error = Error>(
  action: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  messageIncludes?: string,
  message?: string,
): Promise<E>;
