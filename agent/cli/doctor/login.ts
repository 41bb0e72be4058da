import { diagnosisMessages } from "../../hub/reconnect-policy.ts";
import type { ConnectionErrorKind } from "../../hub/connection-error.ts";
import { findings, type Finding } from "./finding.ts";

/** How far a connection to the hub came. */
export type LoginFacts =
  /** The running agent has one, and a second would end it. */
  | { readonly kind: "agent-connected" }
  | { readonly kind: "connected" }
  | { readonly kind: "no-twin"; readonly trouble: ConnectionErrorKind; readonly message: string }
  | { readonly kind: "failed"; readonly trouble: ConnectionErrorKind; readonly message: string }
  /** There is nothing to connect with, or no way there. */
  | { readonly kind: "not-tried" };

const login = findings("login");
const tier = findings("hub tier");

/** Whether the hub lets the board in, and whether it can do what the agent needs. */
export function checkLogin(facts: LoginFacts, clockIsWrong: boolean): readonly [Finding, Finding] {
  const noTier = tier.unknown("not looked at: nobody is connected");
  switch (facts.kind) {
    case "agent-connected":
      return [login.ok("the running agent is connected to the hub"), tier.ok("the hub has twins and methods")];
    case "connected":
      return [login.ok("the hub accepts this board's credentials"), tier.ok("the hub has twins and methods")];
    case "no-twin":
      return [login.ok("the hub accepts this board's credentials"), checkTier(facts.trouble, facts.message)];
    case "not-tried":
      return [login.unknown("not tried: what comes before it has to be mended first"), noTier];
    case "failed":
      return [checkFailure(facts.trouble, facts.message, clockIsWrong), noTier];
  }
}

function checkFailure(trouble: ConnectionErrorKind, message: string, clockIsWrong: boolean): Finding {
  if (trouble !== "refused") {
    return login.fault(
      `no connection: ${message}`,
      "Mend what is found above; if nothing is, look at the state of the hub itself",
    );
  }
  if (clockIsWrong)
    return login.fault(
      "the hub refuses this board's token, as it must with such a clock",
      "Mend the clock, then look again",
    );
  return login.fault(
    "the hub refuses this board's credentials: wrong key, or the device is disabled or deleted",
    "Compare the device with the hub (boardkeeper device show), then give the board its connection string: sudo boardkeeper-agent provision",
  );
}

/** Publishing to a twin's topic ends a Basic hub's connection: eclipse-threadx/getting-started#67. */
function checkTier(trouble: ConnectionErrorKind, message: string): Finding {
  if (trouble === "throttled") return tier.unknown(diagnosisMessages.busy);
  if (trouble === "quota") return tier.warning(diagnosisMessages.quota);
  if (trouble === "hub-error") return tier.unknown(`the hub cannot answer now: ${message}`, "Look again later");
  const most = "most likely it is of the Basic tier, which has no twins and no methods";
  const advice = "Boardkeeper needs a hub of the Standard or the Free tier";
  if (trouble !== "lost") return tier.fault(`the hub would not give the board its twin (${message}): ${most}`, advice);
  return tier.fault(
    `the hub ended the connection when the board asked for its twin: ${most}; or another agent uses the same identity`,
    `${advice}; and each board needs an identity of its own`,
  );
}
