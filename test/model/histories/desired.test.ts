import { walk } from "../walk.ts";

walk("desired");
