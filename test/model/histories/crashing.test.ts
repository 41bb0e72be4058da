import { walk } from "../walk.ts";

walk("crashing");
