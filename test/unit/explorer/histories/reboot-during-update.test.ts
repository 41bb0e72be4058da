import { walk } from "../../../explorer/walk.ts";

walk("rebootDuringUpdate");
