import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { onKey } from "./keys";
import { Root } from "./Root";
import { setTheme, theme } from "./theme";

setTheme(theme());
addEventListener("keydown", onKey);
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Root />
  </StrictMode>,
);
