// What a page tells of itself while it is measured; runs in it before its own scripts.
(() => {
  const LONG_MS = 50;
  const all = (selector) => [...document.querySelectorAll(selector)];

  /** When the first element is there and drawn, in ms since the navigation began; and when the last of the page's own
   *  files that came before it was there. */
  const whenPainted = (selector, text) =>
    new Promise((resolve) => {
      const seen = () => all(selector).some((element) => !text || element.textContent.includes(text));
      const look = () => {
        if (!seen()) return void requestAnimationFrame(look);
        const there = performance.now();
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel(); // its message comes behind the frame
          port1.onmessage = () => {
            const painted = performance.now();
            const files = performance.getEntriesByType("resource").filter((one) => one.name.includes("/static/"));
            const needed = files.filter((one) => one.responseEnd < there);
            resolve({ painted, files: Math.max(...needed.map((one) => one.responseEnd)) });
          };
          port2.postMessage(0);
        });
      };
      look();
    });

  let frames, longest, long, watching, sampled;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      if (duration < LONG_MS || !watching) continue;
      long++;
      longest = Math.max(longest, duration);
    }
  }).observe({ entryTypes: ["longtask"] });

  /** Begin to watch frames and tasks; behind each frame `sample` tells a distance in px that should stay 0. */
  const watch = (sample) => {
    frames = [];
    [longest, long, sampled] = [0, 0, 0];
    const run = (watching = {});
    let last = performance.now();
    const { port1, port2 } = new MessageChannel(); // its messages come behind the frame
    port1.onmessage = () => {
      if (watching === run) sampled = Math.max(sampled, Math.abs(sample()));
    };
    const frame = (now) => {
      if (watching !== run) return;
      frames.push(now - last);
      last = now;
      if (sample) port2.postMessage(0);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  };
  const watched = () => {
    watching = undefined;
    const sorted = frames.toSorted((one, other) => one - other);
    const ms = frames.reduce((sum, one) => sum + one, 0);
    const p99 = sorted[Math.floor(sorted.length * 0.99)];
    return { fps: (frames.length / ms) * 1000, p99, slowest: sorted.at(-1), long, longest, moved: sampled };
  };

  const rows = () => document.querySelector(".items");
  let gap = 0;
  /** How far it is to the end, where that was so behind the frame before, too: what a row grew by when its code came
   *  between two frames is put right before the next one is drawn. */
  const end = () => {
    const before = gap;
    gap = rows().scrollHeight - rows().clientHeight - rows().scrollTop;
    return Math.min(before, gap);
  };
  /** Return what tells how far the row in the middle of the screen has moved since now. */
  const reading = () => {
    const { top, bottom } = rows().getBoundingClientRect();
    const middle = (top + bottom) / 2;
    const row = all(".items .item").find((one) => one.getBoundingClientRect().bottom > middle);
    const began = row.getBoundingClientRect().top;
    return () => (row.isConnected ? row.getBoundingClientRect().top - began : Infinity);
  };
  /** Scroll up as fast as pages come, until the row of this event is there. */
  const scrollUpTo = async (seq) => {
    const began = performance.now();
    while (!document.querySelector(`.items .item[data-seq="${seq}"]`)) {
      rows().scrollTop = 0;
      await new Promise(requestAnimationFrame);
    }
    return performance.now() - began;
  };
  window.probe = { whenPainted, watch, watched, end, reading, scrollUpTo };
})();
