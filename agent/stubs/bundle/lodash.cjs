"use strict";
// Stands in for lodash in the bundle: the functions that azure-iot-device and machina call, of 300. The paths are relative
// because an alias of `lodash` counts for `lodash/merge` too.
module.exports = {
  at: require("../../../node_modules/lodash/at.js"),
  cloneDeep: require("../../../node_modules/lodash/cloneDeep.js"),
  defaults: require("../../../node_modules/lodash/defaults.js"),
  difference: require("../../../node_modules/lodash/difference.js"),
  each: require("../../../node_modules/lodash/each.js"),
  extend: require("../../../node_modules/lodash/extend.js"),
  filter: require("../../../node_modules/lodash/filter.js"),
  includes: require("../../../node_modules/lodash/includes.js"),
  isArray: require("../../../node_modules/lodash/isArray.js"),
  isPlainObject: require("../../../node_modules/lodash/isPlainObject.js"),
  merge: require("../../../node_modules/lodash/merge.js"),
  transform: require("../../../node_modules/lodash/transform.js"),
  without: require("../../../node_modules/lodash/without.js"),
};
