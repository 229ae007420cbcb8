/** A transport that loses what does not fit in 1000 bytes. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

const good = tcp();

export const transport: Transport = {
  ...good,
  name: "losing",
  async connect(address, options) {
    const connection = await good.connect(address, options);
    return {
      read: async () => (await connection.read())?.subarray(0, 1000) ?? null,
      write: (bytes) => connection.write(bytes),
      close: () => connection.close(),
    };
  },
};
