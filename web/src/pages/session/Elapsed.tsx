import { useEffect, useState } from "react";
import { duration } from "./words";

/** How long something has been going on, counting. */
export function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const whole = Math.max(0, Math.floor((now - since) / 1000)) * 1000;
  return <span className="runs">{whole < 10_000 ? `${whole / 1000} s` : duration(whole)}</span>;
}
