/**
 * Many topic filters in few packets.
 *
 * @module
 */
import { MAX_REMAINING_LENGTH } from "@minimqtt/core";
import { utf8Length } from "@minimqtt/core/internal";

/** As many filters as fit one packet, `most` at a time; `overhead` is what each takes beside its text. */
export function* inPackets(
  filters: readonly string[],
  overhead: number,
  most: number = Infinity,
  limit: number = MAX_REMAINING_LENGTH,
): Iterable<readonly string[]> {
  let packet: string[] = [];
  let size = 2;
  for (const filter of filters) {
    const more = overhead + utf8Length(filter);
    if (size + more > limit || packet.length >= most) {
      yield packet;
      packet = [];
      size = 2;
    }
    packet.push(filter);
    size += more;
  }
  if (packet.length > 0) yield packet;
}
