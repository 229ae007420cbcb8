/**
 * How long to wait before the next attempt.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";

/**
 * The wait after `failures` failed attempts (1 or more): `first` milliseconds, doubled by each further failure up to
 * 16 times, and up to a second on top of it, in whole milliseconds, so that clients that failed together do not come
 * back together (MM-036). `random` is from 0 up to 1. A `first` of 0 means no wait at all.
 */
export function backoff(failures: number, first: Millis, random: number): Millis {
  if (first === 0) return 0;
  return first * Math.min(2 ** (failures - 1), 16) + Math.floor(random * 1001);
}
