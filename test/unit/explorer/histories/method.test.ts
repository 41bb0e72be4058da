import { walk } from "../../../explorer/walk.ts";

walk("method");
