"use strict";
// Stands in for ws in the bundle, so that its code is loaded only by a board that connects over WebSockets: agent/hub/lighter-sdk.ts
// loads the real one before the first connection, and sets it here. mqtt.js calls no more than these two.
let real;

module.exports = function WebSocket(...options) {
  return new real(...options);
};
module.exports.createWebSocketStream = (...options) => real.createWebSocketStream(...options);
module.exports.setImplementation = (implementation) => {
  real = implementation;
};
