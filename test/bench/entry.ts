export * from "/tmp/wt/verifier/agent/trust/refresh.ts";
export * from "/tmp/wt/verifier/agent/trust/trusted-metadata.ts";
export * from "/tmp/wt/verifier/agent/trust/select-target.ts";
export * from "/tmp/wt/verifier/agent/trust/trust-root.ts";
