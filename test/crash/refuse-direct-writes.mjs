import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/* For `node --import`: a file can be opened for direct writes, and each of them is refused, as on some file systems. */

const { open } = fs.promises;

fs.promises.open = async (path, flags, mode) => {
  const file = await open(path, flags, mode);
  if (typeof flags !== "number" || (flags & fs.constants.O_DIRECT) === 0) return file;
  const refuse = () => Promise.reject(Object.assign(new Error("EINVAL: invalid argument, write"), { code: "EINVAL" }));
  return Object.assign(file, { write: refuse });
};
syncBuiltinESMExports();
