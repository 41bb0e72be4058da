/* Copies of packages that belong to the Azure SDK. They have types, or none, but not under the path of these files. */

declare module "azure-iot-mqtt-base/node_modules/mqtt-packet/mqtt.js" {
  const packets: { readonly writeToStream: { cacheNumbers: boolean } };
  export default packets;
}

declare module "azure-iot-mqtt-base/node_modules/ws/index.js" {
  const implementation: unknown;
  export default implementation;
}
