import { isUtf8 } from "node:buffer";
import type { Target } from "../lib/target.ts";
import type { MessageProperties } from "./message-properties.ts";

/** A device-to-cloud message as the hub stores and shows it. The body is text when it is UTF-8, else base64. */
export interface TelemetryEvent {
  readonly sequenceNumber: number;
  readonly enqueuedTime: string;
  readonly deviceId: string;
  readonly moduleId?: string;
  readonly systemProperties: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string | null>>;
  readonly body?: string;
  readonly bodyBase64?: string;
}

export interface Publication {
  readonly payload: Buffer;
  readonly retain: boolean;
  readonly will: boolean;
}

export function telemetryEvent(
  sequenceNumber: number,
  enqueuedTime: string,
  { deviceId, moduleId }: Target,
  { system, application }: MessageProperties,
  { payload, retain, will }: Publication,
): TelemetryEvent {
  return {
    sequenceNumber,
    enqueuedTime,
    deviceId,
    ...(moduleId === undefined ? {} : { moduleId }),
    systemProperties: system,
    properties: {
      ...application,
      // "IoT Hub adds the mqtt-retain application property"; "the iothub-MessageType property with a value of Will"
      // (iot-mqtt-connect-to-iot-hub).
      ...(retain ? { "mqtt-retain": "true" } : {}),
      ...(will ? { "iothub-MessageType": "Will" } : {}),
    },
    ...(isUtf8(payload) ? { body: payload.toString() } : { bodyBase64: payload.toString("base64") }),
  };
}
