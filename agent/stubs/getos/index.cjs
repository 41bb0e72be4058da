"use strict";
const { readFile } = require("node:fs");

// azure-iot-common asks once, for the user agent that it sends while it connects: nothing connects until this has answered.
module.exports = (callback) => {
  readFile("/etc/os-release", "utf8", (cause, text) => {
    if (cause !== null) callback(cause); // It then calls the system unknown.
    else callback(null, { os: "linux", dist: valueOf(text, "ID"), release: valueOf(text, "VERSION_ID") });
  });
};

// os-release(5): one assignment a line, its value in quotes or not.
function valueOf(text, name) {
  return new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(text)?.[1] ?? "unknown";
}
