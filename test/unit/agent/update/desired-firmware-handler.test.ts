import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../agent/contract/json.ts";
import type { AgentState } from "../../../../agent/operations/agent-state.ts";
import { DesiredFirmwareHandler } from "../../../../agent/update/desired-firmware-handler.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";
import { FakeTrustGate } from "../../../support/fake-trust-gate.ts";
import { FakeTime, settle } from "../../../support/fake-time.ts";
import { FakeStateFile, storeWith } from "../../../support/state-stores.ts";
import { digest, jobWith, states } from "../../../support/updates.ts";

const declaring = (operationId: string, fwVersion: string): JsonObject => ({
  firmware: { fwVersion, fwPackageURI: "https://images.example/a.img", fwPackageCheckValue: digest, operationId },
});

/** As a disk: a save takes longer than what nobody waits for. */
class SlowStateFile extends FakeStateFile {
  override async save(saved: AgentState): Promise<void> {
    await settle();
    await super.save(saved);
  }
}

function setup() {
  const time = new FakeTime();
  const file = new SlowStateFile();
  const update = states(jobWith({ origin: "desired", operationId: "op-1" })).downloading;
  const store = storeWith({ update }, { file, time });
  const handler = new DesiredFirmwareHandler({
    ...fakeRuntime({ time }),
    store,
    limits: () => ({
      simulated: false,
      canInstall: true,
      allowHttp: false,
      windowConfigured: false,
      maxImageBytes: 1e9,
      trust: "digest",
      repository: null,
    }),
    trust: new FakeTrustGate(),
    currentVersion: () => "1.0.0",
    operationIdInUse: () => undefined,
    stopping: new AbortController().signal,
  });
  const saved = (): unknown[] =>
    file.saves.map(({ update: one }) => ["job" in one ? one.job.operationId : "", one.phase]);
  return { handler, store, saved };
}

describe("a document that takes the place of a running update", () => {
  it("is handled only when it is decided itself: whoever asks then is told of its update", async () => {
    const { handler, store, saved } = setup();
    await handler.handleDesired(declaring("op-2", "3.0.0"), 2);
    expect(store.state.update).toMatchObject({ phase: "accepted", job: { operationId: "op-2" } });
    expect(saved()).toStrictEqual([
      ["op-1", "cancelled"],
      ["op-2", "accepted"],
    ]);
  });

  it("gives way to a document that comes before its update is accepted", async () => {
    const { handler, store, saved } = setup();
    const listening = store.onChange(() => {
      listening();
      void handler.handleDesired(declaring("op-3", "4.0.0"), 3);
    });
    await handler.handleDesired(declaring("op-2", "3.0.0"), 2);
    await store.transact(() => ({ answer: undefined }));
    expect(saved()).toStrictEqual([
      ["op-1", "cancelled"],
      ["op-3", "accepted"],
    ]);
  });
});
