import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import {
  createCertificateAuthority,
  issueFlawedCertificate,
  type Flaw,
} from "../../../service-tools/local-hub/tls/certificates.ts";
import { DownloadFixture, type DownloadHandler } from "../../support/downloads.ts";

const answer =
  (status: number, headers: Record<string, string> = {}, body: string | Buffer = ""): DownloadHandler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);

async function failureOf(setup: DownloadFixture): Promise<Error> {
  const failed: unknown = await setup.fetch().catch((cause: unknown) => cause);
  expect(failed).toBeInstanceOf(Error);
  expect((failed as Error).message).not.toContain("secret-");
  return failed as Error;
}

describe("a response that is not the image is told by what it is, after one request", () => {
  const html = { "content-type": "text/html; charset=utf-8" };
  const page = '<!DOCTYPE html>\n<a href="https://login.example/?token=secret-1">Sign in</a>';
  const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1000000\n";
  it.each<[what: string, handler: DownloadHandler, words: string]>([
    [
      "a page",
      answer(200, html, page),
      'a page instead of the image (text/html; charset=utf-8, begins with "<!DOCTYPE html> <a',
    ],
    [
      "a page of XHTML",
      answer(200, { "content-type": "application/xhtml+xml" }, `<?xml?>${page}`),
      'begins with "<?xml?>',
    ],
    [
      "an error of a storage server in XML",
      answer(
        200,
        { "content-type": "application/xml" },
        '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
      ),
      'an error message instead of the image (application/xml, begins with "<?xml version="1.0"?><Error><Code>AccessDenied',
    ],
    [
      "an error of a gateway in JSON",
      answer(200, { "content-type": "application/json; charset=utf-8" }, '{"error":{"code":"AuthenticationFailed"}}'),
      'an error message instead of the image (application/json; charset=utf-8, begins with "{"error":{"code"',
    ],
    [
      "a problem in JSON (RFC 9457)",
      answer(200, { "content-type": "application/problem+json" }, '{ "title": "Forbidden", "status": 403 }'),
      "an error message instead of the image (application/problem+json",
    ],
    [
      "a pointer of Git LFS",
      answer(200, { "content-type": "text/plain" }, lfs),
      "a pointer of Git LFS instead of the image",
    ],
    [
      "an encoding",
      answer(200, { "content-encoding": "gzip" }, "x"),
      "(Content-Encoding: gzip). Serve it without one.",
    ],
    ["another encoding", answer(200, { "content-encoding": "br" }, "x"), "(Content-Encoding: br)"],
    ["a redirect without an address", answer(302), "redirects (302) without an address (Location)"],
    ["a redirect with an empty address", answer(301, { location: "" }), "redirects (301) without an address"],
    [
      "a redirect to no address",
      answer(307, { location: "https://:0:0/?a=secret-2" }),
      'to "https://:0:0/?[secret]", which is not an address',
    ],
    [
      "a redirect to ftp",
      answer(302, { location: "ftp://x/secret-3" }),
      "begins with ftp:, which this board does not fetch",
    ],
    ["a redirect to a file", answer(302, { location: "file:///etc/passwd" }), "begins with file:, which this board"],
    ["one large header", answer(200, { "x-large": "x".repeat(20_000) }), "more than 16 KiB of headers"],
  ])("%s", async (_what, handler, words) => {
    const setup = await DownloadFixture.create(10_000);
    setup.server.answer = handler;
    const { message } = await failureOf(setup);
    expect(message).toContain(`${setup.server.origin}/board.img `);
    expect(message).toContain(words);
    expect(setup.server.requests).toHaveLength(1);
    await expect(setup.fetch()).rejects.toMatchObject({ code: "bad-response" });
  });

  it("many headers", async () => {
    const setup = await DownloadFixture.create(10_000);
    const many = Array.from({ length: 500 }, (_one, index) => [`x-${index}`, "x".repeat(40)] as const);
    setup.server.answer = answer(200, Object.fromEntries(many));
    expect(await failureOf(setup)).toMatchObject({ code: "bad-response" });
  });

  it("a page for the rest of an image: the bytes on disk are kept", async () => {
    const setup = await DownloadFixture.create();
    await setup.fetchUntil(600_000);
    setup.server.answer = answer(200, html, page);
    expect(await failureOf(setup)).toMatchObject({ code: "bad-response" });
    setup.server.answer = setup.parts();
    expect((await setup.fetch()).sha256).toBe(setup.image.sha256);
    expect(setup.asked).toStrictEqual(['bytes=600000- "v1"', 'bytes=600000- "v1"']);
  });

  it.each<[what: string, headers: Record<string, string>, path: string]>([
    ["an image that the server calls a page", html, "board.img"],
    ["an image that the server calls a text", { "content-type": "text/plain" }, "board.img"],
    ["an image that the server calls XML", { "content-type": "application/xml" }, "board.img"],
    ["an image that the server calls JSON", { "content-type": "application/json" }, "board.img"],
    ["a compressed file that the server calls encoded", { "content-encoding": "x-gzip" }, "board.img.gz"],
    ["an image without an encoding", { "content-encoding": "identity" }, "board.img"],
  ])("but not %s", async (_what, headers, path) => {
    const setup = await DownloadFixture.create(300_000);
    setup.server.answer = answer(200, headers, setup.image.content);
    const image = await setup.fetch({ uris: [`${setup.server.origin}/${path}`] });
    expect(image).toStrictEqual({ sha256: setup.image.sha256, sizeBytes: 300_000 });
  });
});

it.each([
  ["application/json", '{"slots":[{"name":"a"}]}'],
  ["application/xml", '<?xml version="1.0"?><manifest><errors/></manifest>'],
  ["text/plain", '{"error":"is the name of this image"}'],
])("an image of type %s that is one is taken", async (type, content) => {
  const setup = await DownloadFixture.create(1_000);
  const sha256 = createHash("sha256").update(content).digest("hex");
  setup.server.answer = answer(200, { "content-type": type }, content);
  expect(await setup.fetch({ sha256 })).toMatchObject({ sha256 });
});

describe("what answers in the place of a server", () => {
  it.each<[what: string, tls: boolean, first: string, words: string]>([
    ["a server without TLS", true, "HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there does not speak TLS"],
    ["another service without TLS", true, "SSH-2.0-OpenSSH_9.2\r\n", "what answers there does not speak TLS"],
    ["another service on a port for http", false, "SSH-2.0-OpenSSH_9.2\r\n", "what answers there does not speak HTTP"],
  ])("%s is told", async (_what, tls, first, words) => {
    const server = createTcpServer((socket) => socket.on("error", () => undefined).end(first)).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const uri = `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}/board.img`;
    const source = new HttpsSource({ allowHttp: true, ca: undefined, userAgent: "test" });
    const request = source.get({ uri, fromBytes: 0, source: null }, new AbortController().signal);
    await expect(request).rejects.toMatchObject({ code: "unreachable", message: expect.stringContaining(words) });
  });
});

it.each([
  [30_000, "Gave up after 30 s of attempts."],
  [600_000, "Gave up after 10 min of attempts."],
])("a deadline of %i ms is told in a unit that suits it", async (deadlineMs, words) => {
  const setup = await DownloadFixture.create(10_000);
  setup.terms = { ...setup.terms, deadlineMs };
  setup.server.answer = answer(503, { "retry-after": "86400" });
  expect((await failureOf(setup)).message).toContain(words);
});

describe("a server's certificate", () => {
  it.each<[flaw: Flaw, words: string, advice: string]>([
    ["expired", "its certificate has expired, or that of its authority has (CERT_HAS_EXPIRED)", "Renew it"],
    ["not-yet-valid", "its certificate is not valid yet (CERT_NOT_YET_VALID)", "this board's clock is wrong"],
    ["unknown-authority", "(UNABLE_TO_VERIFY_LEAF_SIGNATURE)", "set update.ca-file to its certificate"],
    ["other-name", "its certificate is for another host name (ERR_TLS_CERT_ALTNAME_INVALID)", "Check the host name"],
  ])("%s is told with what to set", async (flaw, words, advice) => {
    const now = Date.now();
    const authority = await createCertificateAuthority(now);
    const { certificate, privateKey } = await issueFlawedCertificate(flaw, authority, ["localhost"], [], now);
    const server = createServer({ cert: certificate, key: privateKey }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const uri = `https://localhost:${(server.address() as AddressInfo).port}/board.img?sig=secret`;
    const source = new HttpsSource({ allowHttp: false, ca: authority.certificate, userAgent: "test" });
    const request = source.get({ uri, fromBytes: 0, source: null }, new AbortController().signal);
    const failed: unknown = await request.catch((cause: unknown) => cause);
    expect(failed).toMatchObject({ code: "unreachable" });
    const { message } = failed as Error;
    expect(message).toContain("/board.img could not be reached: its certificate ");
    expect(message).toContain(words);
    expect(message).toContain(advice);
    expect(message).not.toContain("secret");
    expect(message.includes("ca-file")).toBe(flaw === "unknown-authority");
  });
});

it("takes a name that no server answers to for a link that is lost", async () => {
  const setup = await DownloadFixture.create();
  const uris = ["https://images.invalid/board.img", setup.uri];
  expect((await setup.fetch({ uris })).sha256).toBe(setup.image.sha256);
  expect(setup.warnings()).toMatchObject([{ what: "unreachable", reason: expect.stringContaining("images.invalid") }]);
});
