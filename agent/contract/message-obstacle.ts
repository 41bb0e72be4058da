/**
 * Why a board with this identity can send no messages; null where it can. IoT Hub allows `#` and `+` in the ids of devices and
 * modules, but a message goes to a topic with the id in it, and a client that publishes to a topic with a wildcard is
 * disconnected. // [MQTT-3.3.2-2] Twins and methods have no id in their topics.
 * @param identity a device id, or `DEVICE/MODULE`
 */
export function messageObstacle(identity: string): string | null {
  const wildcard = /[#+]/.exec(identity)?.[0];
  if (wildcard === undefined) return null;
  return `The id ${identity.replace(/\/$/, "")} holds "${wildcard}", which no topic of a message may hold, so this board sends no health messages. Reboots and updates work. For messages, create the device with another id.`;
}
