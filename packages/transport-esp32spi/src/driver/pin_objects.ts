/**
 * The module's pins as objects, as CircuitPython has them: what asks the module is a promise.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { EspSpiControl } from "./control.ts";

/**
 * A pin of the module, as input or output: `digitalio.DigitalInOut` of `adafruit_esp32spi`.
 *
 * @example
 * ```ts
 * import { DigitalInOut, EspSpiControl } from "@minimqtt/transport-esp32spi";
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 *
 * const module = new EspEmulator();
 * const light = new DigitalInOut(new EspSpiControl(module.bus, module.pins), 26);
 * await light.switchToOutput(true);
 * console.log(module.ownPins.get(26)?.level); // true
 * module.close();
 * ```
 */
export class DigitalInOut {
  readonly #control: EspSpiControl;
  readonly #pin: number;

  /** Takes the driver and the pin's number. The pin is as it was until it is switched. */
  constructor(control: EspSpiControl, pin: number) {
    this.#control = control;
    this.#pin = pin;
  }

  /** Makes it an output that has this level. Sends SET_PIN_MODE and SET_DIGITAL_WRITE. */
  async switchToOutput(value = false): Promise<void> {
    await this.#control.setPinMode(this.#pin, "output");
    await this.setValue(value);
  }

  /** Makes it an input; `pull` is a resistor to HIGH, since 1.7.3, the only one the firmware has. Sends SET_PIN_MODE. */
  async switchToInput(pull?: "up"): Promise<void> {
    await this.#control.setPinMode(this.#pin, pull === "up" ? "input-pullup" : "input");
  }

  /** Its level. Sends GET_DIGITAL_READ; since 1.5.0. */
  value(): Promise<boolean> {
    return this.#control.digitalRead(this.#pin);
  }

  /** Drives it HIGH (`true`) or LOW. Sends SET_DIGITAL_WRITE. */
  setValue(value: boolean): Promise<void> {
    return this.#control.setDigitalWrite(this.#pin, value);
  }

  /** Lets go of it: an input. Sends SET_PIN_MODE. */
  deinit(): Promise<void> {
    return this.#control.setPinMode(this.#pin, "input");
  }
}

/** Pulses on a pin of the module, at the firmware's frequency: `PWMOut` of `adafruit_esp32spi`. */
export class PWMOut {
  readonly #control: EspSpiControl;
  readonly #pin: number;

  /** Takes the driver and the pin's number. */
  constructor(control: EspSpiControl, pin: number) {
    this.#control = control;
    this.#pin = pin;
  }

  /**
   * How long of each period it is HIGH, 0 to 65535; the firmware knows 256 steps of it. Sends SET_ANALOG_WRITE.
   *
   * @throws {UsageError} `invalid-argument`
   */
  async setDutyCycle(dutyCycle: number): Promise<void> {
    if (!Number.isInteger(dutyCycle) || dutyCycle < 0 || dutyCycle > 0xffff) {
      throw new UsageError("invalid-argument", `dutyCycle must be 0 to 65535, not ${dutyCycle}.`);
    }
    await this.#control.setAnalogWrite(this.#pin, dutyCycle / 0xffff);
  }

  /** Lets go of it: no pulses, an input. Sends SET_ANALOG_WRITE and SET_PIN_MODE. */
  async deinit(): Promise<void> {
    await this.setDutyCycle(0);
    await this.#control.setPinMode(this.#pin, "input");
  }
}

/** A voltage at a pin of the module: `AnalogIn`, as CircuitPython's own is. */
export class AnalogIn {
  readonly #control: EspSpiControl;
  readonly #pin: number;
  readonly #attenuation: number;

  /** Takes the driver, the pin's number, and how far the range reaches: 0 to 3, 3 furthest. */
  constructor(control: EspSpiControl, pin: number, attenuation = 3) {
    this.#control = control;
    this.#pin = pin;
    this.#attenuation = attenuation;
  }

  /** 0 to 65520, the converter's twelve bits as CircuitPython scales them. Sends GET_ANALOG_READ; since 1.5.0. */
  async value(): Promise<number> {
    return 16 * await this.#control.analogRead(this.#pin, this.#attenuation);
  }
}
