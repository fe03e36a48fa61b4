import { memo, useState } from "react";
import type { Hunk } from "./patch";
import { visible } from "../../parts/visible";
import { plural } from "./words";

const MOST_LINES = 600; // drawn at once

/** Changed lines with their numbers: what was added and removed stands on its own ground, with its sign. */
export const Patch = memo(function Patch({ hunks, label }: { hunks: Hunk[]; label: string }) {
  const [all, setAll] = useState(false);
  const total = hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
  let left = all ? Infinity : MOST_LINES;
  return (
    <div className="patch" role="group" aria-label={label} tabIndex={0}>
      {hunks.map((hunk, place) => {
        const lines = hunk.lines.slice(0, Math.max(0, left));
        left -= lines.length;
        if (lines.length === 0) return null;
        return (
          <table key={place}>
            <tbody>
              {(place > 0 || hunk.title) && (
                <tr className="cut">
                  <td colSpan={3}>{visible(hunk.title) || "⋯"}</td>
                </tr>
              )}
              {lines.map((line, index) => (
                <tr key={index} className={line.sign === "+" ? "added" : line.sign === "-" ? "removed" : undefined}>
                  <td className="number">{line.after ?? line.before}</td>
                  <td className="sign">{line.sign}</td>
                  <td className="text">{visible(line.text.replace(/\r$/, ""))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        );
      })}
      {!all && total > MOST_LINES && (
        <button className="button plain" onClick={() => setAll(true)}>
          Show {plural(total - MOST_LINES, "more line")}
        </button>
      )}
    </div>
  );
});
