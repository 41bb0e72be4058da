import { classifyError } from "../../hub/connection-error.ts";
import { describeFileError } from "../../lib/file-errors.ts";
import { readRegularFile } from "../../lib/regular-file.ts";
import type { Log } from "../../lib/log.ts";

/**
 * The authorities of a server's certificate, from a file (`hub.ca-file`, `update.ca-file`) that its owner may correct while the
 * agent runs. Without a file: the authorities that the system trusts.
 */
export class AuthorityFile {
  readonly #path: string | undefined;
  readonly #log: Log;
  #pem: string | undefined;
  #isReplaced = false;
  #complaint: string | undefined;

  /** @param pem what the file held at the start */
  constructor(path: string | undefined, pem: string | undefined, log: Log) {
    this.#path = path;
    this.#pem = pem;
    this.#log = log;
  }

  /** The last good content; undefined for the system's authorities. */
  get pem(): string | undefined {
    return this.#pem;
  }

  /** Whether the content has changed since the start. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /**
   * Does something with the authorities. When it fails because a certificate is not trusted, the file is read anew, and if it
   * holds other authorities by now, it is done once more with these. Rejects as the last attempt did.
   */
  async retryOnRefusal<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (!isCertificateRefusal(cause) || !(await this.#reread())) throw cause;
      return await act();
    }
  }

  /** Returns whether the file holds other authorities by now. A file that cannot be used changes nothing, and is logged once. */
  async #reread(): Promise<boolean> {
    const path = this.#path;
    if (path === undefined) return false;
    let pem: string;
    try {
      pem = await readRegularFile(path);
      if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${path} is not a PEM certificate`);
    } catch (cause) {
      const reason = describeFileError(cause, path);
      if (reason !== this.#complaint)
        this.#log.warn({ file: path, reason }, "certificate authorities not read anew, using those read before");
      this.#complaint = reason;
      return false;
    }
    this.#complaint = undefined;
    if (pem === this.#pem) return false;
    this.#pem = pem;
    this.#isReplaced = true;
    this.#log.info({ file: path }, "certificate authorities read anew");
    return true;
  }
}

/** Whether an error, or the cause of one, is a certificate that was not trusted. */
function isCertificateRefusal(thrown: unknown): boolean {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    const { kind } = classifyError(error, "connect");
    if (kind === "untrusted" || kind === "certificate-time") return true;
  }
  return false;
}
