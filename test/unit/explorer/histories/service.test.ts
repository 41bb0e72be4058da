import { walk } from "../../../explorer/walk.ts";

walk("service");
