import { expect, it } from "vitest";
import { messageObstacle } from "../../../../agent/contract/message-obstacle.ts";

it.each(["board-1", "board-1/", "board-1/agent", "a%b", "a$b", "a=b", "a:b,c;d"])(
  "%s can send messages",
  (identity) => {
    expect(messageObstacle(identity)).toBeNull();
  },
);

it.each([
  ["board#1", "#"],
  ["board+1/", "+"],
  ["board-1/agent#2", "#"],
])("%s cannot, because of its %s", (identity, wildcard) => {
  expect(messageObstacle(identity)).toContain(`The id ${identity.replace(/\/$/, "")} holds "${wildcard}"`);
});
