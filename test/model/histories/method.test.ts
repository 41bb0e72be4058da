import { walk } from "../walk.ts";

walk("method");
