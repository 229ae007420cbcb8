import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError } from "@minimqtt/core";
import { FirmwareVersion } from "./versions.ts";

describe("FirmwareVersion", () => {
  it("trap 17: is read as numbers, whatever stands behind them", () => {
    for (
      const [text, numbers] of [
        ["1.7.7\0", [1, 7, 7]],
        ["3.3.0", [3, 3, 0]],
        ["2.0.0-rc.0+adafruit\0", [2, 0, 0]],
        ["10.20.30", [10, 20, 30]],
      ] as const
    ) {
      const { major, minor, patch } = new FirmwareVersion(text);
      assertEquals([major, minor, patch], [...numbers]);
    }
    assertEquals(`${new FirmwareVersion("2.0.0-rc.0+adafruit\0\0")}`, "2.0.0-rc.0+adafruit");
  });

  it("trap 17: 3.3.0 is later than 1.5.0, though its third character is less than 5", () => {
    const version = new FirmwareVersion("3.3.0");
    assertEquals(
      [version.atLeast(1, 5), version.atLeast(3, 3, 0), version.atLeast(3, 3, 1), version.atLeast(4)],
      [true, true, false, false],
    );
    assertEquals(new FirmwareVersion("1.4.9").atLeast(1, 5), false);
    assertEquals(new FirmwareVersion("1.10.0").atLeast(1, 7, 3), true);
  });

  it("knows what differs", () => {
    const facts = (text: string) => {
      const { modern, sockets, reversesAddresses, noticesClose, waitsToSend, reconnects } =
        new FirmwareVersion(
          text,
        );
      return [modern, sockets, reversesAddresses, noticesClose, waitsToSend, reconnects];
    };
    assertEquals(facts("1.7.7"), [false, 10, true, false, false, false]);
    assertEquals(facts("2.0.0-rc.0+adafruit"), [false, 6, true, true, false, false]);
    assertEquals(facts("3.1.0"), [true, 6, false, true, true, true]);
  });

  it("refuses what is no version", () => {
    for (const text of ["", "3", "3.3", "nina", "\0\0\0", "1.2.3.4", "999999.1.1"]) {
      const error = assertThrows(() => new FirmwareVersion(text), ConnectionError);
      assertEquals(error.code, "radio-garbled");
    }
  });
});
