import { describe, expect, it } from "vitest";
import { pageProblem } from "../../../../agent/download/not-an-image.ts";

const problem = (type: string, text: string): string | undefined =>
  pageProblem("https://a/x", type, new TextEncoder().encode(text));

describe("a body of a text's type", () => {
  it.each([
    ["application/json", '{"error":{"code":"AuthenticationFailed"}}'],
    ["application/json; charset=utf-8", ' { "errors" : [] }'],
    ["application/problem+json", '{"title":"Not allowed","status":403}'],
    ["application/problem+json", '{"type":"about:blank"}'],
    ["application/xml", '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'],
    ["text/xml", "<s:Fault>"],
  ])("is an error message: %s %s", (type, text) => {
    expect(problem(type, text)).toContain("sent an error message instead of the image");
  });

  // The digest decides: an image may be a document.
  it.each([
    ["application/json", '{"title":"Site config 7","detail":""}'],
    ["application/json", '{"message":"hello"}'],
    ["application/json", '{"errorThreshold":7}'],
    ["application/json", '[{"error":1}]'],
    ["application/xml", "<ErrorHandlingPolicy version='1'>"],
    ["application/xml", "<config><error/></config>"],
    ["application/octet-stream", '{"error":1}'],
    ["text/plain", "<Error>"],
  ])("may be the image: %s %s", (type, text) => {
    expect(problem(type, text)).toBeUndefined();
  });
});
