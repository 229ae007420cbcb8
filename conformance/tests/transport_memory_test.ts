import { memory } from "@minimqtt/client/memory";
import type { MemoryNetwork, MemoryOptions } from "@minimqtt/client/memory";
import type { Transport } from "@minimqtt/core";
import { describe, it } from "@std/testing/bdd";
import { transportSuite } from "../src/mod.ts";
import type { TransportFixture } from "../src/mod.ts";

describe("memory keeps the transport contract", () => transportSuite(it, fixture()));

describe("memory with small chunks keeps the transport contract", () => {
  transportSuite(it, fixture({ chunkSize: 1000 }));
});

/** Every listener is a network of its own, told apart by the port. */
function fixture(options?: MemoryOptions): TransportFixture {
  const networks: MemoryNetwork[] = [];
  const transport: Transport = {
    ...memory().transport,
    connect: (address, dial) => at(address.port).transport.connect(address, dial),
  };
  const at = (port: number) => networks[port - 1] ?? open("refuse");
  const open = (answer: MemoryNetwork["answer"]) => {
    const network = memory(options);
    network.answer = answer;
    networks.push(network);
    return network;
  };
  open("unknown");
  open("silence");
  return {
    transport,
    unknown: { host: "nowhere", port: 1 },
    silent: () => Promise.resolve({ address: { host: "silence", port: 2 }, close: () => Promise.resolve() }),
    listen() {
      const network = open("accept");
      const close = () => {
        network.answer = "refuse";
        return Promise.resolve();
      };
      const address = { host: "memory", port: networks.length };
      return Promise.resolve({ address, accept: () => network.accept(), close });
    },
  };
}
