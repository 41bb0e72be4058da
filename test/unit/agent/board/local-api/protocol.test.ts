import { expect, it } from "vitest";
import { decodeMetadata, encodeMetadata } from "../../../../../agent/board/local-api/protocol.ts";

it("metadata goes over the local API byte for byte", () => {
  const files = new Map([
    ["timestamp.json", Buffer.from("{}")],
    ["1.root.json", Buffer.from([0xff, 0, 0xfe])],
    ["__proto__", Buffer.from("x")],
  ]);
  expect(decodeMetadata(encodeMetadata(files))).toStrictEqual(files);
});

it.each(["", "[]", "null", '{"a":1}', '{"a":'])("no metadata is read from %j", (body) => {
  expect(decodeMetadata(body)).toBeUndefined();
});
