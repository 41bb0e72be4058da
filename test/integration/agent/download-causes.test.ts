import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import {
  createCertificateAuthority,
  issueFlawedCertificate,
  type Flaw,
} from "../../../service-tools/local-hub/tls/certificates.ts";

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
