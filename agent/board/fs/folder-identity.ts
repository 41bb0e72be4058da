import { stat } from "node:fs/promises";
import { errorCode } from "../../lib/errors.ts";

/** Whether a folder is still the one that it was: somebody may have deleted it, or put another one in its place. */
export type FolderState = "same" | "gone" | "replaced" | "unreadable";

/** Remembers a folder. The function that it resolves with says what has become of it; it never rejects. */
export async function rememberFolder(path: string): Promise<() => Promise<FolderState>> {
  const first = await stat(path);
  return async () => {
    try {
      const now = await stat(path);
      return now.dev === first.dev && now.ino === first.ino ? "same" : "replaced";
    } catch (cause) {
      return errorCode(cause) === "ENOENT" || errorCode(cause) === "ENOTDIR" ? "gone" : "unreadable";
    }
  };
}
