/** The copy of mqtt-packet that belongs to the Azure SDK. It has types of its own, but not under the path of its file. */
declare module "azure-iot-mqtt-base/node_modules/mqtt-packet/mqtt.js" {
  const packets: { readonly writeToStream: { cacheNumbers: boolean } };
  export default packets;
}
