import { describe, expect, it } from "vitest";
import { refreshMetadata, type Refreshed, type RefreshRequest } from "../../../../agent/trust/refresh.ts";
import { newRecord, TufRepository, wallClock } from "../../../support/tuf-repository.ts";

const board = "acme,gateway";

async function refresh(repository: TufRepository, more: Partial<RefreshRequest> = {}): Promise<Refreshed> {
  return await refreshMetadata({
    stored: repository.seed(),
    record: newRecord,
    source: repository,
    clock: wallClock(),
    boards: [board],
    refuseStale: false,
    ...more,
  });
}

describe("a board that reads a repository for the first time", () => {
  it("trusts what its role lists", async () => {
    const repository = new TufRepository();
    const refreshed = await refresh(repository);
    expect(refreshed).toMatchObject({
      ok: true,
      record: { floor: 0, issued: "2027-03-01T12:00:00Z" },
      trusted: { rootVersion: 1, staleness: null, targets: [{ version: "1.0.0" }] },
    });
    expect(refreshed.stored).toStrictEqual(repository.stored());
    expect(repository.reads).toStrictEqual([
      "2.root.json",
      "timestamp.json",
      "1.snapshot.json",
      "1.targets.json",
      "1.acme,gateway.json",
    ]);
  });
});
