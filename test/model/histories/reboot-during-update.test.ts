import { walk } from "../walk.ts";

walk("rebootDuringUpdate");
